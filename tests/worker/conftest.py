"""Both deployments that every worker test runs on: embedded, and PostgreSQL with Redis."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import Cladist
from fixture_types import MakeBundle, MakeImages, Submitted
from PIL import Image
from untrained_bundle import write_untrained

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration
from taxonomy import Node, Taxonomy
from worker.db.engine import Database
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.process.bootstrap import Services, bootstrap
from worker.settings import Settings


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Torch on one core: the machine is shared."""
    torch.set_num_threads(1)


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.service)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Fast settings on SQLite and the in-process broker, then on PostgreSQL and Redis."""
    values: dict[str, Any] = {
        "queue": f"test-{uuid.uuid4().hex}",
        "poll_s": 0.02,
        "reap_s": 0.05,
        "retry_base_s": 0.0,
        "batch_size": 8,
        "message_size": 8,
    }
    if request.param == "embedded":
        return Settings(database_url=f"sqlite:///{tmp_path}/cladist.db", **values)
    postgres, redis = request.getfixturevalue("postgres_url"), request.getfixturevalue("redis_url")
    return Settings(database_url=postgres, broker_url=redis, **values)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An upgraded, empty database."""
    opened = Database(settings.database_url)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def tiny_taxonomy() -> Taxonomy:
    """Ragged, with an assignable inner node and a node of two parents."""
    return Taxonomy(
        [
            Node("shape", "Shape"),
            Node("round", "Round", ("shape",), assignable=True),
            Node("disc", "Disc", ("round",)),
            Node("ring", "Ring", ("round",)),
            Node("square", "Square", ("shape",)),
            Node("colour", "Colour"),
            Node("red-disc", "Red disc", ("colour", "round")),
        ]
    )


@pytest.fixture(scope="session")
def make_bundle(tiny_taxonomy: Taxonomy) -> MakeBundle:
    """A function that writes an untrained but whole bundle: what it says is arbitrary, and always the same."""

    def make(folder: Path, taxonomy: Taxonomy = tiny_taxonomy, seed: int = 0) -> Bundle:
        calibration = Calibration(threshold=0.4, target_accuracy=0.9, samples=10, split="val")
        return write_untrained(folder, taxonomy, calibration, seed)

    return make


@pytest.fixture
def bundle(database: Database, make_bundle: MakeBundle, tmp_path: Path) -> Bundle:
    """A bundle that is active in the database."""
    return add_bundle(database, make_bundle(tmp_path / "bundle").folder)


@pytest.fixture
def services(settings: Settings, bundle: Bundle) -> Iterator[Services]:
    """All parts of a worker, with an active bundle."""
    del bundle
    made = bootstrap(settings)
    yield made
    made.close()


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """A function that writes images of noise and returns their URIs."""

    def make(count: int) -> list[str]:
        rng = np.random.default_rng(count)
        uris = []
        for number in range(count):
            path = tmp_path / f"image-{number}.png"
            Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(path)
            uris.append(path.as_uri())
        return uris

    return make


@pytest.fixture
def submitted(database: Database) -> Submitted:
    """A function that submits URIs and returns the job ids."""

    def make(uris: list[str]) -> list[int]:
        return [job_id for ids in submit(database, [Request(uri) for uri in uris]) for job_id in ids]

    return make


@pytest.fixture
def cladist(tmp_path: Path) -> Cladist:
    """`cladist` in a folder of its own."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Cladist(folder)
