"""Whose turn it is: queues by priority, then by their shares; inside a queue tenant by tenant, each in order.

Only rows that are about to be published are read, each by a seek in an index: a queue of a hundred million jobs costs
no more than one of a hundred.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from math import ceil

from sqlalchemy import select

from worker.db.statements.counts import count_up_to
from worker.db.statements.waiting_jobs import Waiting, next_of_tenants, tenants_above
from worker.db.tables import OutboxRow, QueueRow
from worker.db.transaction import Transaction

_TENANTS = 128  # tenants of a queue that one round looks at, at most; the next round goes on behind them
_CREDIT = 64.0  # jobs for each unit of weight: what a queue gains by having been empty
_BURST_S = 1.0  # a rate that was not used is saved for so long


def next_jobs(tx: Transaction, now: datetime, room: int, whole: int) -> Iterator[list[Waiting]]:
    """At most `room` jobs that are next, in one list for each priority, the highest first; locks the queues.

    Where more waits than there is room for, a list is a multiple of `whole` long: room left over by small messages
    would cut all later ones small as well.
    """
    awake = select(QueueRow).where(QueueRow.paused.is_(False)).order_by(QueueRow.priority.desc(), QueueRow.id)
    for _, peers in groupby(tx.scalars(awake.with_for_update()).all(), key=lambda row: row.priority):
        rows = [row for row in peers if _refill(row, now) >= 1]
        rest = room % whole
        jobs = _shared(tx, rows, room - rest if rest and _is_more_than(tx, rows, room) else room)
        room -= len(jobs)
        if jobs:
            yield jobs


def _shared(tx: Transaction, rows: Sequence[QueueRow], room: int) -> list[Waiting]:
    """Jobs of queues of one priority: always of the one that was served least for its weight."""
    if room <= 0:
        return []
    turns = [turn for turn in (QueueTurn(tx, row, room) for row in rows) if turn.has_more]
    level = max((turn.row.served for turn in turns), default=0.0) - _CREDIT
    for turn in turns:
        turn.row.served = max(turn.row.served, level)
    jobs: list[Waiting] = []
    while turns and len(jobs) < room:
        turn = min(turns, key=lambda turn: turn.row.served)
        share = turn.row.weight / sum(peer.row.weight for peer in turns)
        wanted = ceil((room - len(jobs)) * share)
        taken = turn.take(wanted)
        jobs += taken
        if len(taken) < wanted:
            turns.remove(turn)
    return jobs


def _is_more_than(tx: Transaction, rows: Sequence[QueueRow], count: int) -> bool:
    waiting = select(OutboxRow.id).where(OutboxRow.queue_id.in_([row.id for row in rows]), OutboxRow.due_at.is_(None))
    return count_up_to(tx, waiting, count + 1) > count


class QueueTurn:
    """What one queue has to publish in this round: tenant after tenant, beginning behind the one served last."""

    def __init__(self, tx: Transaction, row: QueueRow, room: int) -> None:
        self.row = row
        self._tx = tx
        self._tenants = deque(_tenants_in_turn(tx, row, min(room, _TENANTS)))
        self._read: dict[int, deque[Waiting]] = {tenant: deque() for tenant in self._tenants}
        self._last = dict.fromkeys(self._tenants, 0)  # the outbox row of each tenant that was read last
        self._is_read_up: set[int] = set()  # tenants whose last waiting job was read

    @property
    def has_more(self) -> bool:
        """Whether any tenant may have something left."""
        return bool(self._tenants)

    def take(self, count: int) -> list[Waiting]:
        """The next jobs, `count` of them, or fewer where the rate allows no more or no more wait."""
        count = min(count, int(self.row.tokens)) if self.row.rate_per_s else count
        jobs: list[Waiting] = []
        while self._tenants and len(jobs) < count:
            tenant = self._tenants[0]
            if not self._read[tenant]:
                self._read_on(ceil((count - len(jobs)) / len(self._tenants)))
            if not self._read[tenant]:
                self._tenants.popleft()
                continue
            jobs.append(self._read[tenant].popleft())
            self._tenants.rotate(-1)
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
        """Read the next `count` jobs of each tenant of whom none is at hand."""
        short = [tenant for tenant in self._tenants if not self._read[tenant] and tenant not in self._is_read_up]
        if not short:
            return
        for job in next_of_tenants(self._tx, self.row.id, [(tenant, self._last[tenant]) for tenant in short], count):
            self._read[job.tenant_id].append(job)
        for tenant in short:
            if self._read[tenant]:
                self._last[tenant] = self._read[tenant][-1].row_id
            if len(self._read[tenant]) < count:
                self._is_read_up.add(tenant)


def _tenants_in_turn(tx: Transaction, row: QueueRow, count: int) -> list[int]:
    """Tenants with jobs waiting in a queue, from the one behind the cursor round to the cursor again."""
    behind = tenants_above(tx, row.id, row.cursor_tenant, count)
    is_round = row.cursor_tenant == 0 or len(behind) == count
    before = [] if is_round else tenants_above(tx, row.id, 0, count - len(behind))
    return behind + [tenant for tenant in before if tenant <= row.cursor_tenant]


def _refill(row: QueueRow, now: datetime) -> float:
    """How many jobs the rate of a queue allows by now."""
    if not row.rate_per_s:
        return float("inf")
    passed_s = (now - row.refilled_at).total_seconds() if row.refilled_at else _BURST_S
    row.tokens = min(max(1.0, row.rate_per_s * _BURST_S), row.tokens + row.rate_per_s * max(0.0, passed_s))
    row.refilled_at = now
    return row.tokens
