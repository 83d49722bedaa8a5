"""Faults of the network before PostgreSQL or Redis."""

import random
from collections.abc import Callable

import mortal
from proxy import Proxy
from scenarios import FAULT_S, Place, Scenario, postgres_of, redis_of, while_working
from world import Verdict


def network(server: str, do: Callable[[Proxy], None]) -> Scenario:
    """A fault of the network before PostgreSQL or Redis."""

    def play(place: Place, times: int) -> Verdict:
        proxy = Proxy(postgres_of(place).port if server == "postgres" else redis_of(place).port)
        database, broker = (proxy.port, None) if server == "postgres" else (None, proxy.port)
        try:
            return while_working(place.world(database, broker), times, lambda: do(proxy))
        finally:
            proxy.close()

    return play


def blackholed(proxy: Proxy) -> None:
    proxy.turn("blackhole")
    mortal.pause(FAULT_S)
    proxy.turn("pass")


def delayed(proxy: Proxy) -> None:
    proxy.turn("delay")
    mortal.pause(FAULT_S)
    proxy.turn("pass")


def reset(proxy: Proxy) -> None:
    """Connections cut again and again, in mid-commit among other moments."""
    for _ in range(20):
        proxy.reset()
        mortal.pause(random.uniform(0.01, 0.1))
