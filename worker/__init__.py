"""Everything that runs: jobs, database, Celery, command line.

The names in `__all__` are the public ones. Each is imported when it is first used, so that `import worker` loads
neither torch nor SQLAlchemy nor Celery.
"""

from typing import TYPE_CHECKING

from taxonomy.lazy_names import lazy_names

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
        SinkError,
        SubmissionError,
    )
    from worker.jobs.queries import jobs_of, list_jobs, show_job, wait_for_jobs
    from worker.jobs.requests import cancel_job, retry_job
    from worker.jobs.submission import Request, submit
    from worker.labels.storage import LabelledAsset, labels_under
    from worker.models.registration import add_bundle
    from worker.process.bootstrap import Services, bootstrap
    from worker.process.service import run_worker
    from worker.process.start import start_worker
    from worker.settings import Settings, read_settings
    from worker.sinks.protocol import Delivery, Sink
    from worker.states import Code, Status
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "db.engine": (
                "Database",
                "open_database",
            ),
            "db.transaction": ("Transaction",),
            "dispatch.queues": ("Destination",),
            "errors": (
                "BrokerError",
                "DatabaseError",
                "InvalidMoveError",
                "LookupFailedError",
                "RetryableError",
                "SinkError",
                "SubmissionError",
            ),
            "jobs.queries": (
                "jobs_of",
                "list_jobs",
                "show_job",
                "wait_for_jobs",
            ),
            "jobs.requests": (
                "cancel_job",
                "retry_job",
            ),
            "jobs.submission": (
                "Request",
                "submit",
            ),
            "labels.storage": (
                "LabelledAsset",
                "labels_under",
            ),
            "models.registration": ("add_bundle",),
            "process.bootstrap": (
                "Services",
                "bootstrap",
            ),
            "process.service": ("run_worker",),
            "process.start": ("start_worker",),
            "settings": (
                "Settings",
                "read_settings",
            ),
            "sinks.protocol": (
                "Delivery",
                "Sink",
            ),
            "states": (
                "Code",
                "Status",
            ),
        },
    )

__all__ = [
    "BrokerError",
    "Code",
    "Database",
    "DatabaseError",
    "Delivery",
    "Destination",
    "InvalidMoveError",
    "LabelledAsset",
    "LookupFailedError",
    "Request",
    "RetryableError",
    "Services",
    "Settings",
    "Sink",
    "SinkError",
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
    "start_worker",
    "submit",
    "wait_for_jobs",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
