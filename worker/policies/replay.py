"""What another version of a policy would have done: every stored prediction routed by both, before it is activated."""

import heapq
import multiprocessing
import os
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import func, select

from worker.db.engine import Database
from worker.db.statements.times import first_job_since
from worker.db.tables import JobRow
from worker.policies.rules.compile import CompiledPolicy, Routing
from worker.policies.stored import CompiledVersions, StoredCase, read_cases, select_cases

_RANGE = 20_000  # job ids that a process takes at once
_FETCHED = 1000  # rows at once
_DAY_S = 86_400.0

OnProgress = Callable[[int, int], None]  # told how many of how many jobs are looked at


class Outcome(NamedTuple):
    """What becomes of an asset; queue: the review queue, of a sample too."""

    action: str
    queue: str | None
    collection: str | None
    priority: int
    tags: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it ends: a review queue, else what is done."""
        return self.queue or self.action


class Flip(NamedTuple):
    """A job of which something else would become."""

    job_id: int
    asset: str
    tenant: str
    before: Outcome
    after: Outcome
    rules: tuple[str, str]


@dataclass
class Replay:
    """Counts over all jobs that were looked at. rules, places: (before, after) -> jobs, those that do not flip too."""

    jobs: int = 0
    flips: int = 0
    reviews: Counter[str] = field(default_factory=Counter)  # "before" and "after"
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    sample: list[tuple[bytes, Flip]] = field(default_factory=list)  # those whose hash is the least
    first: datetime | None = None
    last: datetime | None = None

    @property
    def days(self) -> float:
        """What the jobs were spread over, at least one day."""
        span = (self.last - self.first).total_seconds() if self.first and self.last else 0.0
        return max(1.0, span / _DAY_S)

    def add(self, other: "Replay", sample: int) -> None:
        """Count what another part found."""
        self.jobs += other.jobs
        self.flips += other.flips
        for mine, its in ((self.reviews, other.reviews), (self.rules, other.rules)):
            mine.update(its)  # type: ignore[arg-type] # of one kind each
        self.places.update(other.places)
        self.actions.update(other.actions)
        self.sample = heapq.nsmallest(sample, [*self.sample, *other.sample])
        self.first = min((at for at in (self.first, other.first) if at), default=None)
        self.last = max((at for at in (self.last, other.last) if at), default=None)


@dataclass(frozen=True, slots=True)
class Question:
    """Which versions, by number, and which jobs.

    queue: only what is, or would be, in this review queue. tenant: only its jobs; others: not theirs.
    """

    before: int
    after: int
    since: datetime | None = None
    queue: str | None = None
    sample: int = 20
    tenant: int | None = None
    others: tuple[int, ...] = ()


def replay(database: Database, question: Question, on_progress: OnProgress, processes: int | None = None) -> Replay:
    """Route all stored predictions by both versions, on all cores. Raises LookupFailedError when a release is gone."""
    ranges = _ranges(database, question)
    found = Replay()
    parts = min(processes or len(os.sched_getaffinity(0)), len(ranges))
    last = ranges[-1][1] if ranges else 0
    for (_, end), part in zip(ranges, _parts(database, question, ranges, parts), strict=True):
        found.add(part, question.sample)
        on_progress(end, last)
    return found


def _parts(database: Database, question: Question, ranges: list[tuple[int, int]], processes: int) -> Iterator[Replay]:
    url = database.engine.url.render_as_string(hide_password=False)
    if processes <= 1:
        yield from (_replay_range(url, question, *each) for each in ranges)
        return
    context = multiprocessing.get_context("spawn")  # other threads, and a database's connections, do not outlive a fork
    with ProcessPoolExecutor(processes, context) as pool:
        yield from pool.map(_replay_range, *zip(*((url, question, *each) for each in ranges), strict=True))


def _ranges(database: Database, question: Question) -> list[tuple[int, int]]:
    """Ranges [first, end) of job ids."""
    with database.read() as tx:
        first, last = tx.execute(select(func.min(JobRow.id), func.max(JobRow.id))).one()
        if last and question.since is not None:
            first = first_job_since(tx, question.since, first, last)
    return list(pairwise([*range(first, last + 1, _RANGE), last + 1])) if last else []


@cache
def _opened(url: str) -> tuple[Database, CompiledVersions]:
    """What a process keeps from range to range."""
    database = Database(url)
    return database, CompiledVersions(database)


def _replay_range(url: str, question: Question, first: int, end: int) -> Replay:
    database, versions = _opened(url)
    found = Replay()
    query = select_cases().where(JobRow.id >= first, JobRow.id < end, JobRow.shadow.is_(False))
    query = query.order_by(JobRow.id)
    if question.since is not None:
        query = query.where(JobRow.created_at >= question.since)
    if question.tenant is not None:
        query = query.where(JobRow.tenant_id == question.tenant)
    if question.others:
        query = query.where(JobRow.tenant_id.not_in(question.others))
    with database.read() as tx:
        for case in read_cases(tx, query.execution_options(yield_per=_FETCHED)):
            release = case.prediction.release
            _look(case, versions.get(question.before, release), versions.get(question.after, release), question, found)
    return found


def _look(case: StoredCase, before: CompiledPolicy, after: CompiledPolicy, question: Question, found: Replay) -> None:
    facts = case.facts(before.nodes.above)
    old, new = before.route(facts), after.route(facts)
    was, would = _outcome(old), _outcome(new)
    found.first = case.at if found.first is None else min(found.first, case.at)
    found.last = case.at if found.last is None else max(found.last, case.at)
    if question.queue is not None and question.queue not in (was.queue, would.queue):
        return
    rules = before.rule_name(old.rule), after.rule_name(new.rule)
    found.jobs += 1
    found.rules[rules] += 1
    found.places[was.place, would.place] += 1
    found.actions[was.action, would.action] += 1
    found.reviews["before"] += was.queue is not None
    found.reviews["after"] += would.queue is not None
    if was != would:
        found.flips += 1
        drawn = blake2b(str(case.job_id).encode(), digest_size=8).digest()
        if len(found.sample) < question.sample or (found.sample and drawn < found.sample[-1][0]):
            insort(found.sample, (drawn, Flip(case.job_id, case.asset, case.tenant, was, would, rules)))
            del found.sample[question.sample :]


def _outcome(routing: Routing) -> Outcome:
    then = routing.then
    return Outcome(then.action.value, routing.queue, then.collection, then.priority, then.tags or ())
