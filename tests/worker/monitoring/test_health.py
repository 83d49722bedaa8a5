"""Alive and ready, by a clock that the test moves."""

import pytest

from worker.monitoring.health import Health

STALL_S = 100.0


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that the test sets."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """The health of a worker that is connected to its broker."""
    made = Health(STALL_S, clock)
    made.connected(is_connected=True)
    return made


def go_on(health: Health, clock: Clock, seconds: float, *, is_pending: bool = False, works: bool = False) -> None:
    """Seconds in which the loop turns and the database answers."""
    for _ in range(int(seconds / 10)):
        clock.now += 10
        health.beat()
        health.sampled(is_pending=is_pending, work=clock.now if works else 0.0)


def test_an_idle_worker_is_alive_and_ready(health: Health, clock: Clock) -> None:
    """Nothing to do for hours is no fault."""
    go_on(health, clock, 7200)
    assert health.faults() == health.hindrances() == []


def test_a_busy_worker_is_alive(health: Health, clock: Clock) -> None:
    """There may always be more jobs, as long as it works on some."""
    go_on(health, clock, 7200, is_pending=True, works=True)
    assert health.hindrances() == []


def test_a_worker_that_consumes_nothing_is_not_alive(health: Health, clock: Clock) -> None:
    """Connected, its loop turning, jobs pending, and nothing done: told after the stall and not before."""
    go_on(health, clock, STALL_S, is_pending=True)
    assert health.faults() == []
    go_on(health, clock, 20, is_pending=True)
    assert health.faults() == ["jobs are pending, yet nothing was done for 110 s"]
    assert health.hindrances() == health.faults()
    go_on(health, clock, 10, is_pending=True, works=True)
    assert health.hindrances() == []


def test_jobs_that_others_take_are_no_fault(health: Health, clock: Clock) -> None:
    """Pending now and again is not pending all the time."""
    for _ in range(100):
        go_on(health, clock, 50, is_pending=True)
        go_on(health, clock, 10)
    assert health.faults() == []


def test_a_loop_that_stands_still_is_not_alive(health: Health, clock: Clock) -> None:
    """Unless it runs a batch, which is work."""
    for work in range(30):
        clock.now += 10
        health.sampled(is_pending=False, work=float(work))
    assert health.faults() == []
    for _ in range(11):
        clock.now += 10
        health.sampled(is_pending=False, work=29.0)
    assert health.faults() == ["the consume loop has stood still for 110 s"]


def test_without_broker_or_database_it_is_alive_but_not_ready(health: Health, clock: Clock) -> None:
    """No restart would help it."""
    health.connected(is_connected=False)
    clock.now += 10 * STALL_S
    assert health.faults() == []
    assert health.hindrances() == ["not connected to the broker", "no answer from the database"]


def test_pending_jobs_while_it_was_cut_off_are_not_held_against_it(health: Health, clock: Clock) -> None:
    """The stall counts from when it could have worked."""
    health.connected(is_connected=False)
    go_on(health, clock, 10 * STALL_S, is_pending=True)
    health.connected(is_connected=True)
    go_on(health, clock, STALL_S, is_pending=True)
    assert health.faults() == []
