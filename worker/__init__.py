"""Everything that runs: jobs, database, Celery, command line.

The names in `__all__` are the public ones. Each is imported when it is first used, so that `import worker` loads
neither torch nor SQLAlchemy nor Celery.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.db.engine import Database, open_database
    from worker.db.transaction import Transaction
    from worker.dispatch.queues import Destination
    from worker.errors import (
        BrokerError,
        DatabaseError,
        InvalidMoveError,
        LookupFailedError,
        RetryableError,
        SubmissionError,
    )
    from worker.jobs.queries import jobs_of, list_jobs, show_job, wait_for_jobs
    from worker.jobs.requests import cancel_job, retry_job
    from worker.jobs.submission import Request, submit
    from worker.labels.storage import LabelledAsset, labels_under
    from worker.models.registration import add_bundle
    from worker.process.bootstrap import Services, bootstrap
    from worker.process.service import run_worker
    from worker.settings import Settings, read_settings
    from worker.states import Code, Status

__all__ = [
    "BrokerError",
    "Code",
    "Database",
    "DatabaseError",
    "Destination",
    "InvalidMoveError",
    "LabelledAsset",
    "LookupFailedError",
    "Request",
    "RetryableError",
    "Services",
    "Settings",
    "Status",
    "SubmissionError",
    "Transaction",
    "add_bundle",
    "bootstrap",
    "cancel_job",
    "jobs_of",
    "labels_under",
    "list_jobs",
    "open_database",
    "read_settings",
    "retry_job",
    "run_worker",
    "show_job",
    "submit",
    "wait_for_jobs",
]

_NAMES_OF = {
    "db.engine": ("Database", "open_database"),
    "db.transaction": ("Transaction",),
    "dispatch.queues": ("Destination",),
    "errors": (
        "BrokerError",
        "DatabaseError",
        "InvalidMoveError",
        "LookupFailedError",
        "RetryableError",
        "SubmissionError",
    ),
    "jobs.queries": ("jobs_of", "list_jobs", "show_job", "wait_for_jobs"),
    "jobs.requests": ("cancel_job", "retry_job"),
    "jobs.submission": ("Request", "submit"),
    "labels.storage": ("LabelledAsset", "labels_under"),
    "models.registration": ("add_bundle",),
    "process.bootstrap": ("Services", "bootstrap"),
    "process.service": ("run_worker",),
    "settings": ("Settings", "read_settings"),
    "states": ("Code", "Status"),
}
_MODULE_OF = {name: f"{__name__}.{module}" for module, names in _NAMES_OF.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
