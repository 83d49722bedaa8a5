"""What the serving process is made of, as endpoints find it."""

import threading
from dataclasses import dataclass, field

from fastapi import Request

from worker.db.engine import Database
from worker.settings import Settings

THREADS = 24  # requests that are worked on at once; each has a connection to the database
_WAITERS = 12  # of them may wait for the end of a job


@dataclass(frozen=True, slots=True)
class Parts:
    """Settings, the database of all tenants, and whether this process was told to stop."""

    settings: Settings
    database: Database
    stopping: threading.Event = field(default_factory=threading.Event)
    waiters: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_WAITERS))


def parts_of(request: Request) -> Parts:
    """The parts of the process that a request came to."""
    parts: Parts = request.app.state.parts
    return parts
