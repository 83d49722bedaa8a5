"""Assets that do harm: they are isolated, and end dead, while all others succeed."""

import signal
import subprocess

import pytest
from command_line import environment
from fixture_types import MakeImages, Submitted
from job_rows import all_jobs
from poisoned_worker import poison
from worker_process import POISONED_WORKER

from worker.db.engine import Database
from worker.jobs.claims import claim_jobs
from worker.jobs.queries import open_jobs
from worker.jobs.reaper import reap_once
from worker.pipeline.watchdog import EXIT_STUCK
from worker.process.bootstrap import Services
from worker.settings import Settings

_MAX_STARTS = 8
_LIMIT_BYTES = 12 * 2**30


def run_to_the_end(settings: Settings, database: Database) -> list[int]:
    """Start workers, one after the other as a supervisor would, until no job is open; the exit code of each."""
    codes: list[int] = []
    while open_jobs(database) and len(codes) < _MAX_STARTS:
        done = subprocess.run(POISONED_WORKER, env=environment(settings), check=False)
        codes.append(done.returncode)
    return codes


@pytest.fixture
def harsh(settings: Settings) -> Settings:
    """One batch of 32, little patience, and a limit on memory."""
    sizes = {"message_size": 32, "batch_size": 32, "memory_limit_bytes": _LIMIT_BYTES}
    return settings.model_copy(update={"lease_s": 4.0, "stuck_s": 5.0, "torch_threads": 1, **sizes})


@pytest.mark.parametrize(
    ("words", "death"),
    [
        pytest.param([b"kill"], -signal.SIGKILL, id="kill"),
        pytest.param([b"hang", b"eat", b"raise"], EXIT_STUCK, id="hang-eat-raise"),
    ],
)
def test_poisons_die_alone(
    harsh: Settings,
    services: Services,
    submitted: Submitted,
    make_images: MakeImages,
    words: list[bytes],
    death: int,
) -> None:
    """Of a batch of 32 they end dead after 3 attempts of their own; all others succeed, charged with 3 at most."""
    uris = make_images(32)
    poisons = {poison(uri, word) for uri, word in zip(uris[11:], words, strict=False)}
    ids = submitted(uris)
    exits = run_to_the_end(harsh, services.database)
    assert [code for code in exits if code != 0] == [death] * 3
    found = dict(zip(uris, all_jobs(services.database), strict=True))
    assert [job.id for job in found.values()] == ids
    assert {(found[uri].status, found[uri].code, found[uri].attempt) for uri in poisons} == {
        ("dead", "out_of_attempts", 3)
    }
    others = [job for uri, job in found.items() if uri not in poisons]
    assert {job.status for job in others} == {"succeeded"}
    assert max(job.attempt for job in others) <= 3


def test_death_in_company_proves_nothing(services: Services, submitted: Submitted) -> None:
    """Even on its last attempt a job does not die with a batch: it gets one alone, and dies of that."""
    ids = submitted(["file:///a.png", "file:///b.png"])
    for is_suspect in (False, True):
        claims = claim_jobs(services.database, ids, "w", -1.0)
        assert [(claim.is_suspect, claim.is_alone) for claim in claims] == [(is_suspect, False)] * 2
        reap_once(services.database, max_attempts=1, republish_s=60.0, lease_s=60.0)
        assert [job.status for job in all_jobs(services.database)] == ["queued", "queued"]
    for job_id in ids:
        assert [claim.is_alone for claim in claim_jobs(services.database, [job_id], "w", -1.0)] == [True]
        reap_once(services.database, max_attempts=1, republish_s=60.0, lease_s=60.0)
    assert [(job.status, job.attempt) for job in all_jobs(services.database)] == [("dead", 3), ("dead", 3)]


def test_suspects_are_not_claimed_in_company(services: Services, submitted: Submitted) -> None:
    """A message with a suspect among others: the others run together, and the suspect runs too, after them."""
    first, second, third = submitted([f"file:///{number}.png" for number in range(3)])
    claim_jobs(services.database, [second], "w", -1.0)
    reap_once(services.database, max_attempts=3, republish_s=60.0, lease_s=60.0)
    together = claim_jobs(services.database, [first, second, third], "w", -1.0, suspects=False)
    assert [claim.job_id for claim in together] == [first, third]
    reap_once(services.database, max_attempts=3, republish_s=60.0, lease_s=60.0)
    assert services.pipeline.run([first, second, third]) == 3
    assert {job.code for job in all_jobs(services.database)} == {"asset_not_found"}
