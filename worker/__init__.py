"""Everything that runs: jobs, database, Celery, command line.

A name is imported when it is first used: `import worker` loads neither torch nor SQLAlchemy nor Celery.
"""

from typing import TYPE_CHECKING

from taxonomy.lazy_names import lazy_names

if TYPE_CHECKING:
    from worker.db.engine import Database, open_database
    from worker.jobs.submission import Request, submit
    from worker.models.registration import add_bundle
    from worker.process.bootstrap import Services, bootstrap
    from worker.process.service import run_worker
    from worker.process.start import start_worker
    from worker.settings import Settings, read_settings
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "db.engine": ("Database", "open_database"),
            "jobs.submission": ("Request", "submit"),
            "models.registration": ("add_bundle",),
            "process.bootstrap": ("Services", "bootstrap"),
            "process.service": ("run_worker",),
            "process.start": ("start_worker",),
            "settings": ("Settings", "read_settings"),
        },
    )

__all__ = [
    "Database",
    "Request",
    "Services",
    "Settings",
    "add_bundle",
    "bootstrap",
    "open_database",
    "read_settings",
    "run_worker",
    "start_worker",
    "submit",
]
