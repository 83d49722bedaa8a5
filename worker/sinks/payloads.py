"""What is told of events: objects as the command line's `--json` prints them, read when they are told.

An event names rows. What has been deleted since is told no more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from worker.db.statements.rows import is_any_of
from worker.db.tables import DecisionRow, EventRow, TenantRow
from worker.db.transaction import Transaction
from worker.jobs.batches import find_batches
from worker.jobs.queries import find_jobs
from worker.policies.routings import routings_of
from worker.sinks.protocol import Delivery
from worker.states import EventKind

_Object = dict[str, Any]


def deliveries_of(tx: Transaction, events: Sequence[EventRow]) -> list[Delivery]:
    """Events with what the rows that they name hold now, in their order; six statements, however many they are."""
    job_ids = sorted({event.job_id for event in events if event.job_id is not None})
    decided = {event.job_id for event in events if event.job_id is not None and event.kind != EventKind.JOB_FAILED}
    jobs = find_jobs(tx, job_ids) if job_ids else {}
    predictions, routings = _predictions(tx, sorted(decided)), _routings(tx, job_ids)
    batches = sorted({event.batch_id for event in events if event.batch_id is not None})
    shown = find_batches(tx, batches) if batches else {}
    tenants = _tenants(tx, sorted({event.tenant_id for event in events}))
    return [
        Delivery(
            event.id,
            event.kind,
            {
                "id": event.id,
                "type": event.kind,
                "at": event.created_at.isoformat(),
                "tenant": tenants.get(event.tenant_id),
                "details": event.details,
                **_of_job(event, jobs, predictions, routings),
                "batch": shown.get(event.batch_id) if event.batch_id is not None else None,
            },
        )
        for event in events
    ]


def _of_job(
    event: EventRow, jobs: dict[int, _Object], predictions: dict[int, _Object], routings: dict[int, list[_Object]]
) -> _Object:
    """What is known of the event's job; only its number where it was deleted."""
    if event.job_id is None:
        return {"job": None, "deleted_job": None, "prediction": None, "routings": []}
    job = jobs.get(event.job_id)
    if job is None or datetime.fromisoformat(job["created_at"]) > event.created_at:  # another one has its number now
        return {"job": None, "deleted_job": event.job_id, "prediction": None, "routings": []}
    prediction = predictions.get(event.job_id) if event.kind != EventKind.JOB_FAILED else None
    return {"job": job, "deleted_job": None, "prediction": prediction, "routings": routings.get(event.job_id, [])}


def _predictions(tx: Transaction, job_ids: Sequence[int]) -> dict[int, _Object]:
    if not job_ids:
        return {}
    found = select(DecisionRow.job_id, DecisionRow.prediction).where(is_any_of(tx, DecisionRow.job_id, job_ids))
    return dict(tx.execute(found).all())


def _routings(tx: Transaction, job_ids: Sequence[int]) -> dict[int, list[_Object]]:
    """By job; those of shadows act on nothing, and are not told."""
    found = routings_of(tx, job_ids) if job_ids else {}
    return {job_id: [each for each in routings if not each["shadow"]] for job_id, routings in found.items()}


def _tenants(tx: Transaction, tenant_ids: Sequence[int]) -> dict[int, str]:
    found = select(TenantRow.id, TenantRow.name).where(is_any_of(tx, TenantRow.id, tenant_ids))
    return dict(tx.execute(found).all())
