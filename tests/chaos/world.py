"""A small Cladist for fault tests: images, a bundle, a database, a broker, and the questions to ask afterwards."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import mortal
import numpy as np
from mortal import Hook
from PIL import Image
from proofs import count_unproved
from sqlalchemy import Select, func, select
from told import is_all_told, wrongly_told
from untrained_bundle import write_untrained

from classifier.bundles.calibration import Calibration
from taxonomy import Node, Taxonomy
from worker.catalog.releases import stored_taxonomy
from worker.catalog.serving import active_bundle, serving_release
from worker.db.engine import Database
from worker.db.tables import DecisionRow, JobRow, LabelRow, OutboxRow, ReleaseRow, RoutingRow
from worker.errors import DatabaseError
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.policies.rules.document import parse_policy
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import activate_policy, add_policy
from worker.settings import Settings
from worker.states import Status

LEASE_S = 2.0
SLACK_S = 2.0
_BACKBONE = "test_resnet"
_PATIENCE_S = 120.0
_POLL_S = 0.05
_SHOWN_LINES = 400
_OPEN = (Status.QUEUED, Status.RUNNING)
_POLICY = parse_policy(
    """
policy: chaos
default: {action: review, queue: general}
rules:
  - {name: sure, if: {min_confidence: 0.6}, then: {action: accept}}
audit: {share: 0.1, queue: audit}
""",
    "chaos",
)
_is_active = LabelRow.release_id.in_(select(ReleaseRow.id).where(ReleaseRow.active))


@dataclass
class Verdict:
    """What is found after a fault: everything but the counts of jobs and restarts is to be nought."""

    jobs: int
    lost: int  # without an end, with another than succeeded, or without one routing; and ends that were not told
    duplicates: int  # label rows or decisions too many, or too few; and ends that were told by two events
    orphans: int  # leases and outbox rows left over
    unproved: int  # audit chains that are broken, and what happened without one record of it
    restarts: int
    recoveries_s: list[float] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Nothing was lost, doubled, left over or without proof."""
        return not (self.lost or self.duplicates or self.orphans or self.unproved)

    @property
    def is_late(self) -> bool:
        """Whether work ever went on later than it should."""
        return max(self.recoveries_s) > LEASE_S + SLACK_S


class World:
    """One database and one broker, with jobs in them."""

    def __init__(self, folder: Path, database_url: str, broker_url: str) -> None:
        self.folder = folder
        self.events = folder / "events" / "events.jsonl"
        self.events.parent.mkdir()
        self.settings = Settings(
            database_url=database_url,
            broker_url=broker_url,
            lease_s=LEASE_S,
            reap_s=0.25,
            poll_s=0.05,
            republish_s=LEASE_S,
            retry_base_s=0.1,
            message_size=4,
            batch_size=4,
            max_attempts=1000,  # deaths are ours here, not the assets'
            sinks=(f"jsonl:{self.events}",),
        )
        self.direct_url = database_url
        self.base_uri: str | None = None  # of the images; None: files
        self.restarts = 0
        self.log = folder / "workers.log"
        self.activations = 0  # of its bundle
        self._labels: int | None = None

    def prepare(self) -> None:
        """An upgraded database with an active bundle, and a policy that routes what it answers."""
        database = Database(self.direct_url)
        database.upgrade()
        database.close()
        self.activate()
        with self.database() as database, database.write() as tx:
            release = serving_release(tx, active_bundle(tx).id)
            nodes = PolicyNodes.of(stored_taxonomy(release))
            activate_policy(tx, add_policy(tx, _POLICY, release, nodes, None, "chaos").row, "chaos")

    def activate(self) -> None:
        """Make its bundle the active one, again."""
        with self.database() as database:
            add_bundle(database, _bundle(self.folder / "bundle"))
        self.activations += 1

    def submit(self, count: int) -> list[int]:
        """Jobs on small images of noise, again and again."""
        images = _images(self.folder, min(count, 16))
        with self.database() as database:
            uris = [f"{self.base_uri}/{path.name}" if self.base_uri else path.as_uri() for path in images]
            requests = [Request(uris[number % len(uris)]) for number in range(count)]
            return [job_id for ids in submit(database, requests) for job_id in ids]

    @contextmanager
    def worker(self, *hooks: Hook, drain: bool = False) -> Iterator[mortal.Process]:
        """A worker while the block runs; SIGKILL at its end."""
        process = mortal.start(self.settings, self.log, hooks, drain=drain)
        try:
            yield process
        finally:
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGKILL)
            process.join()

    @contextmanager
    def kept_alive(self, *hooks: Hook) -> Iterator[None]:
        """A worker that a supervisor starts again when it ends, while the block runs."""
        supervisor = mortal.Supervisor(lambda: mortal.start(self.settings, self.log, hooks))
        try:
            yield
        finally:
            self.restarts += supervisor.stop()

    def finish(self) -> None:
        """Keep workers running until no job is open, all is told, and the relay has seen what it published twice.

        A worker that ends is started again.
        """
        with self.kept_alive():
            self.wait(lambda: not self.open_jobs(), "the last job")
            self.wait(self._is_all_told, "the last event")
            self.wait(lambda: not self._count(select(func.count()).select_from(OutboxRow)), "the last outbox row")

    def wait(self, condition: "mortal.Condition", what: str, patience_s: float = _PATIENCE_S) -> float:
        """Seconds until the condition holds. Raises TimeoutError."""
        started = time.monotonic()
        while True:
            try:
                if condition():
                    return time.monotonic() - started
            except DatabaseError:
                pass  # it is what we took away
            if time.monotonic() - started > patience_s:
                mortal.tell_where_they_are()
                last = "\n".join(self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])
                raise TimeoutError(f"waited {patience_s:.0f} s for {what}; the workers said last:\n{last}")
            mortal.pause(_POLL_S)

    def wait_for_leases_of(self, pid: int) -> float:
        """Seconds until a dead worker holds no job any more. Raises TimeoutError."""
        return self.wait(lambda: not self.held_by(pid), "the dead worker's leases")

    def open_jobs(self) -> int:
        return self._count(select(func.count()).select_from(JobRow).where(JobRow.status.in_(_OPEN)))

    def succeeded(self) -> int:
        return self._count(select(func.count()).select_from(JobRow).where(JobRow.status == Status.SUCCEEDED))

    def held_by(self, pid: int) -> int:
        """Jobs that a process holds, dead or alive."""
        held = JobRow.worker.endswith(f":{pid}")
        return self._count(select(func.count()).select_from(JobRow).where(JobRow.status == Status.RUNNING, held))

    def verdict(self, ids: Sequence[int], recoveries_s: Sequence[float]) -> Verdict:
        """The database against what was submitted."""
        with self.database() as database, database.read() as session:
            ended = session.scalar(
                select(func.count()).select_from(JobRow).where(JobRow.id.in_(ids), JobRow.status == Status.SUCCEEDED)
            )
            decisions = session.scalar(select(func.count()).select_from(DecisionRow).where(DecisionRow.job_id.in_(ids)))
            predictions = session.execute(select(DecisionRow.asset_id, DecisionRow.prediction)).all()
            wanted = {asset: len(said["levels"]) for asset, said in predictions}
            found = dict(
                session.execute(
                    select(LabelRow.asset_id, func.count()).where(_is_active).group_by(LabelRow.asset_id)
                ).all()
            )
            orphans = session.scalar(
                select(func.count())
                .select_from(JobRow)
                .where((JobRow.status == Status.RUNNING) | JobRow.lease_until.is_not(None))
            )
            waiting = session.scalar(select(func.count()).select_from(OutboxRow))
            untold, told_twice = wrongly_told(session, ids, self.events)
            routed = session.scalar(select(func.count()).select_from(RoutingRow).where(RoutingRow.job_id.in_(ids)))
            unproved = count_unproved(database, self.activations)
        wrong = sum(wanted.get(asset) != found.get(asset) for asset in wanted.keys() | found.keys())
        return Verdict(
            len(ids),
            len(ids) - (ended or 0) + untold + abs(len(ids) - (routed or 0)),
            wrong + abs((decisions or 0) - len(ids)) + told_twice,
            (orphans or 0) + (waiting or 0),
            unproved,
            self.restarts,
            list(recoveries_s),
        )

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Opened for one question: no connection may live while a process is forked."""
        with mortal.forking:
            database = Database(self.direct_url)
            try:
                yield database
            finally:
                database.close()

    def _is_all_told(self) -> bool:
        with self.database() as database, database.read() as session:
            return is_all_told(session)

    def _count(self, query: Select[int]) -> int:
        with self.database() as database, database.read() as session:
            return int(session.scalar(query) or 0)


def _bundle(folder: Path) -> Path:
    """An untrained but whole bundle."""
    if folder.exists():
        return folder
    taxonomy = Taxonomy(
        [Node("shape", "Shape"), *(Node(name, name, ("shape",)) for name in ("disc", "ring", "square"))]
    )
    return write_untrained(folder, taxonomy, Calibration()).folder


def _images(folder: Path, count: int) -> list[Path]:
    random = np.random.default_rng(0)
    paths = [folder / f"image-{number}.png" for number in range(count)]
    for path in paths:
        pixels = random.integers(0, 255, (40, 48, 3), dtype=np.uint8)
        if not path.exists():
            Image.fromarray(pixels).save(path)
    return paths
