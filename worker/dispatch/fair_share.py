"""Whose turn it is: queues by priority, then by their shares; inside a queue tenant by tenant, each in order.

Only rows that are about to be published are read, each by a seek in the index of the lines: a line of a hundred
million jobs costs no more than one of a hundred.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from math import ceil
from typing import NamedTuple

from sqlalchemy import Integer, Select, bindparam, func, select, union_all
from sqlalchemy.orm import Session, aliased

from worker.db.tables import OutboxRow, QueueRow

_TENANTS = 128  # tenants of a queue that one round looks at, at most; the next round goes on behind them
_CREDIT = 64.0  # jobs for each unit of weight: what a queue gains by having been empty
_BURST_S = 1.0  # a rate that was not used is saved for so long


class Waiting(NamedTuple):
    """A job that is to be published."""

    row_id: int
    job_id: int
    tenant_id: int
    alone: bool


def next_jobs(session: Session, now: datetime, room: int, whole: int) -> Iterator[list[Waiting]]:
    """At most `room` jobs that are next, in one list for each priority, the highest first; locks the queues.

    Where more waits than there is room for, a list is a multiple of `whole` long: room left over by small messages
    would cut all later ones small as well.
    """
    awake = select(QueueRow).where(QueueRow.paused.is_(False)).order_by(QueueRow.priority.desc(), QueueRow.id)
    for _, peers in groupby(session.scalars(awake.with_for_update()).all(), key=lambda row: row.priority):
        rows = [row for row in peers if _refill(row, now) >= 1]
        rest = room % whole
        jobs = _shared(session, rows, room - rest if rest and _is_more_than(session, rows, room) else room)
        room -= len(jobs)
        if jobs:
            yield jobs


def _shared(session: Session, rows: Sequence[QueueRow], room: int) -> list[Waiting]:
    """Jobs of queues of one priority: always of the one that was served least for its weight."""
    if room <= 0:
        return []
    lines = [line for line in (_Line(session, row, room) for row in rows) if line.has_more]
    level = max((line.row.served for line in lines), default=0.0) - _CREDIT
    for line in lines:
        line.row.served = max(line.row.served, level)
    jobs: list[Waiting] = []
    while lines and len(jobs) < room:
        line = min(lines, key=lambda line: line.row.served)
        share = line.row.weight / sum(peer.row.weight for peer in lines)
        wanted = ceil((room - len(jobs)) * share)
        taken = line.take(wanted)
        jobs += taken
        if len(taken) < wanted:
            lines.remove(line)
    return jobs


def _is_more_than(session: Session, rows: Sequence[QueueRow], count: int) -> bool:
    mine = OutboxRow.queue_id.in_([row.id for row in rows]), OutboxRow.due_at.is_(None)
    some = select(OutboxRow.id).where(*mine).limit(count + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) > count


class _Line:
    """What waits in one queue, tenant after tenant in turn, beginning behind the one that was served last."""

    def __init__(self, session: Session, row: QueueRow, room: int) -> None:
        self.row = row
        self._session = session
        self._turns = deque(_tenants_in_turn(session, row, min(room, _TENANTS)))
        self._read: dict[int, deque[Waiting]] = {tenant: deque() for tenant in self._turns}
        self._last = dict.fromkeys(self._turns, 0)  # the outbox row of each tenant that was read last
        self._is_whole: set[int] = set()  # tenants of whom nothing is left to be read

    @property
    def has_more(self) -> bool:
        """Whether any tenant may have something left."""
        return bool(self._turns)

    def take(self, count: int) -> list[Waiting]:
        """The next jobs, as many as the rate allows; fewer than `count` only when that or the line is at its end."""
        count = min(count, int(self.row.tokens)) if self.row.rate_per_s else count
        jobs: list[Waiting] = []
        while self._turns and len(jobs) < count:
            tenant = self._turns[0]
            if not self._read[tenant]:
                self._read_on(ceil((count - len(jobs)) / len(self._turns)))
            if not self._read[tenant]:
                self._turns.popleft()
                continue
            jobs.append(self._read[tenant].popleft())
            self._turns.rotate(-1)
        self._account(jobs)
        return jobs

    def _account(self, jobs: Sequence[Waiting]) -> None:
        if not jobs:
            return
        self.row.served += len(jobs) / self.row.weight
        self.row.cursor_tenant = jobs[-1].tenant_id
        if self.row.rate_per_s:
            self.row.tokens -= len(jobs)

    def _read_on(self, count: int) -> None:
        """Read the next `count` of each tenant whose jobs at hand are used up."""
        short = [tenant for tenant in self._turns if not self._read[tenant] and tenant not in self._is_whole]
        if not short:
            return
        parts = [_line_of(self.row.id, tenant, self._last[tenant], count) for tenant in short]
        for row in self._session.execute(union_all(*parts)):
            self._read[row.tenant_id].append(Waiting(*row))
        for tenant in short:
            if self._read[tenant]:
                self._last[tenant] = self._read[tenant][-1].row_id
            if len(self._read[tenant]) < count:
                self._is_whole.add(tenant)


def _line_of(queue_id: int, tenant_id: int, after: int, count: int) -> Select[int, int, int, bool]:
    line = (
        select(OutboxRow.id.label("row_id"), OutboxRow.job_id, OutboxRow.tenant_id, OutboxRow.alone)
        .where(
            OutboxRow.queue_id == queue_id,
            OutboxRow.tenant_id == tenant_id,
            OutboxRow.due_at.is_(None),
            OutboxRow.id > after,
        )
        .order_by(OutboxRow.id)
        .limit(count)
        .subquery()
    )
    return select(line)


def _tenants_in_turn(session: Session, row: QueueRow, count: int) -> list[int]:
    """Tenants with something in the line, from the one behind the cursor round to the cursor again."""
    behind = _tenants_above(session, row.id, row.cursor_tenant, count)
    is_round = row.cursor_tenant == 0 or len(behind) == count
    before = [] if is_round else _tenants_above(session, row.id, 0, count - len(behind))
    return behind + [tenant for tenant in before if tenant <= row.cursor_tenant]


def _tenants_above(session: Session, queue_id: int, tenant_id: int, count: int) -> list[int]:
    values = {"queue_id": queue_id, "tenant_id": tenant_id, "count": count}
    return list(session.scalars(_TENANTS_ABOVE, values))


def _select_tenants_above() -> Select[int]:
    """The next tenants of a line by number, found by one index seek each."""
    queue_id, tenant_id = bindparam("queue_id", type_=Integer), bindparam("tenant_id", type_=Integer)
    mine = OutboxRow.queue_id == queue_id, OutboxRow.due_at.is_(None)
    first = select(func.min(OutboxRow.tenant_id)).where(*mine, OutboxRow.tenant_id > tenant_id).scalar_subquery()
    found = select(first.label("tenant_id")).cte("found", recursive=True)
    following = aliased(OutboxRow)
    step = select(func.min(following.tenant_id)).where(
        following.queue_id == queue_id, following.due_at.is_(None), following.tenant_id > found.c.tenant_id
    )
    found = found.union_all(select(step.scalar_subquery()).where(found.c.tenant_id.is_not(None)))
    return select(found.c.tenant_id).where(found.c.tenant_id.is_not(None)).limit(bindparam("count", type_=Integer))


_TENANTS_ABOVE = _select_tenants_above()  # made once: to make it takes longer than to run it


def _refill(row: QueueRow, now: datetime) -> float:
    """How many jobs the rate of a queue allows by now."""
    if not row.rate_per_s:
        return float("inf")
    passed_s = (now - row.refilled_at).total_seconds() if row.refilled_at else _BURST_S
    row.tokens = min(max(1.0, row.rate_per_s * _BURST_S), row.tokens + row.rate_per_s * max(0.0, passed_s))
    row.refilled_at = now
    return row.tokens
