"""The states of a job and the moves between them, and the other words that the database keeps.

Every change of a job's status goes through MOVES.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from classifier.errors import Code

__all__ = [
    "FINISHED",
    "MOVES",
    "OPEN",
    "SUSPECT",
    "Action",
    "Code",
    "DeliveryStatus",
    "EventKind",
    "RelabellingStatus",
    "Status",
    "sources",
]


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"


class RelabellingStatus(StrEnum):
    """How far the move of labels from one release to another has come."""

    RUNNING = "running"
    APPLIED = "applied"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class Action(StrEnum):
    """What a policy does with an asset."""

    ACCEPT = "accept"
    REJECT = "reject"
    REVIEW = "review"


class EventKind(StrEnum):
    """What others are told of."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    ROUTING_CHANGED = "routing.changed"
    REVIEW_RESOLVED = "review.resolved"
    BATCH_FINISHED = "batch.finished"


class DeliveryStatus(StrEnum):
    """How far a delivery to a webhook has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


# Ends of an attempt for which the asset may be to blame: the job then runs alone in its worker.
SUSPECT = frozenset({Code.WORKER_LOST, Code.INTERNAL_ERROR})


MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED}),
        Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.QUEUED, Status.DEAD, Status.CANCELLED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset({Status.QUEUED}),
        Status.CANCELLED: frozenset({Status.QUEUED}),
        Status.DEAD: frozenset({Status.QUEUED}),
    }
)

FINISHED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.DEAD})
OPEN = frozenset(Status) - FINISHED


def sources(target: Status) -> list[Status]:
    """The states from which a job may move to `target`, for the WHERE of an update."""
    return sorted(status for status, targets in MOVES.items() if target in targets)
