"""A database with webhooks, and what a worker does for them, turn by turn."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from webhook_world import World

from worker.db.engine import Database
from worker.settings import Settings


@pytest.fixture
def world(database: Database, settings: Settings) -> Iterator[World]:
    """Webhooks may be sent to 127.0.0.1 and no other special address."""
    changes = {"webhook_networks": (ip_network("127.0.0.1/32"),), "webhook_timeout_s": 3.0}
    made = World(database, settings.model_copy(update=changes))
    yield made
    made.close()
