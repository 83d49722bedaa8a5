"""What others were told of a world: each end of a job once in the events, and at least once in the file of a sink."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from worker.db.tables import BatchRow, EventRow, SinkRow
from worker.db.transaction import Transaction
from worker.states import EventKind

_ENDS = (EventKind.JOB_SUCCEEDED, EventKind.JOB_FAILED)


def is_all_told(tx: Transaction) -> bool:
    """Whether every batch was found to have ended, and the sink has read every event."""
    if tx.scalar(select(BatchRow.id).where(BatchRow.finished_at.is_(None)).limit(1)) is not None:
        return False
    newest, cursor = tx.scalar(select(func.max(EventRow.id))), tx.scalar(select(func.min(SinkRow.cursor)))
    return newest is not None and cursor is not None and cursor >= newest


def wrongly_told(tx: Transaction, ids: Sequence[int], path: Path) -> tuple[int, int]:
    """How many ends were not told, in the events or in the file, and how many events are too many."""
    ends = Counter(tx.scalars(select(EventRow.job_id).where(EventRow.kind.in_(_ENDS))))
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    jobs = {event["job"]["job"] for event in told if event["type"] in _ENDS}
    batches = {event["batch"]["batch"] for event in told if event["type"] == EventKind.BATCH_FINISHED}
    missing = set(ids) - ends.keys(), set(ids) - jobs, set(tx.scalars(select(BatchRow.id))) - batches
    return sum(map(len, missing)), sum(count - 1 for count in ends.values())
