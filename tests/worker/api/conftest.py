"""The application over a fresh database, and a caller who may do everything for the tenant `shop`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_callers import EVERYTHING, ApiCaller
from starlette.testclient import TestClient

from worker.api.app import make_app
from worker.api.parts import Parts
from worker.db.engine import Database
from worker.settings import Settings


@pytest.fixture
def parts(settings: Settings, database: Database, tmp_path: Path) -> Parts:
    """Files may be named: those of the test."""
    return Parts(settings.model_copy(update={"asset_roots": (tmp_path,)}), database)


@pytest.fixture
def shop(parts: Parts) -> Iterator[ApiCaller]:
    """A caller with every scope."""
    with TestClient(make_app(parts), raise_server_exceptions=False) as client:
        yield ApiCaller(client, parts.database, "shop", EVERYTHING)
