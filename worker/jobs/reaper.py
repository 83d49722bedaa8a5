"""The reaper: bring back jobs whose worker died, and publish again what the broker forgot."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update

from worker.backoff import LONGEST_S
from worker.db.engine import Database
from worker.db.statements.index_choice import IS_QUEUED, IS_RUNNING
from worker.db.statements.locks import lock_unless_held
from worker.db.statements.rows import is_any_of
from worker.db.tables import JobRow, OutboxRow
from worker.dispatch.outbox import Notice, enqueue
from worker.jobs.claims import as_claims, select_claims
from worker.jobs.transitions import try_again
from worker.states import SUSPECT, Code

_BATCH = 1000
_FAR = 10  # times as long as a lease: other workers may have longer ones, but not so long
_IDLE_REPUBLISH_S = 5.0  # while no job runs at all, what was published so long ago must be lost


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one round found."""

    expired: int
    republished: int


def reap_once(
    database: Database, *, max_attempts: int, republish_s: float, lease_s: float, longest_s: float = LONGEST_S
) -> Reaped:
    """One bounded round: jobs with an expired lease are queued again as suspects, or die after their last attempt.

    Queued jobs that were published more than `republish_s` ago get an outbox row again. No job waits on purpose for
    longer than `longest_s`.
    """
    _mend_clock(database, lease_s, max(longest_s, LONGEST_S))
    return Reaped(_reap_expired(database, max_attempts), _republish(database, republish_s))


def _mend_clock(database: Database, lease_s: float, longest_s: float) -> None:
    """Bring near what lies far in the future, as a clock that was set back leaves it: leases, waits, publications.

    A worker that lives extends its shortened leases before they end.
    """
    with database.write() as tx:
        now = tx.now()
        lease, wait = timedelta(seconds=lease_s), timedelta(seconds=longest_s)
        tx.execute(
            update(JobRow).where(IS_RUNNING, JobRow.lease_until > now + _FAR * lease).values(lease_until=now + lease)
        )
        tx.execute(update(JobRow).where(IS_QUEUED, JobRow.published_at > now + _FAR * lease).values(published_at=now))
        tx.execute(update(OutboxRow).where(OutboxRow.due_at > now + 2 * wait).values(due_at=now))


def _reap_expired(database: Database, max_attempts: int) -> int:
    with database.write() as tx:
        expired = select_claims().where(IS_RUNNING, JobRow.lease_until < tx.now()).limit(_BATCH)
        lost = as_claims(tx, lock_unless_held(expired, JobRow))
        message = "the worker was lost while it ran this job"
        try_again(tx, lost, message, max_attempts=max_attempts, wait_s=0.0, code=Code.WORKER_LOST)
        return len(lost)


def _republish(database: Database, republish_s: float) -> int:
    with database.write() as tx:
        if tx.scalar(select(JobRow.id).where(IS_RUNNING).limit(1)) is None:
            republish_s = min(republish_s, _IDLE_REPUBLISH_S)
        before = tx.now() - timedelta(seconds=republish_s)
        published = select(JobRow.id, JobRow.code).where(IS_QUEUED, JobRow.published_at < before)
        forgotten = tx.execute(lock_unless_held(published.order_by(JobRow.id).limit(_BATCH))).all()
        if not forgotten:
            return 0
        tx.execute(
            update(JobRow).where(is_any_of(tx, JobRow.id, [row.id for row in forgotten])).values(published_at=None)
        )
        enqueue(tx, [Notice(row.id, alone=row.code in SUSPECT) for row in forgotten])
        return len(forgotten)
