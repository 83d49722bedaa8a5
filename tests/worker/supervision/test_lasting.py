"""A thread goes on after every exception, ends the process when it cannot, and has a pulse."""

import subprocess
import sys
import threading

import pytest
from waiting import wait_until

from worker.errors import BrokerError
from worker.monitoring.health import Health
from worker.supervision.lasting import ENDED, EXIT_BROKEN, LastingThread, pause_after
from worker.supervision.pulses import Pulses
from worker.telemetry.metrics import REGISTRY


def errors(thread: str, kind: str) -> float:
    return REGISTRY.get_sample_value("cladist_thread_errors_total", {"thread": thread, "error": kind}) or 0.0


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), BrokerError("gone"), OSError("gone"), MemoryError()])
def test_the_next_turn_comes_after_any_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Logged under the thread's name, counted by its class, and then the next turn; no pulse is left at the end."""
    before = errors("test", type(error).__name__)
    turns: list[object] = [error, None, ENDED]

    def turn() -> object:
        found = turns.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    pulses = Pulses()
    LastingThread("test", turn, pulses=pulses, bound_s=60.0).start().join()
    assert turns == []
    assert errors("test", type(error).__name__) == before + 1
    assert caplog.records[0].getMessage().startswith("test: ")
    assert pulses.faults() == []


def test_pauses_grow_with_errors_that_nobody_expected() -> None:
    """A second at first, then twice as long each time, up to a bound; the world's errors keep to the first."""
    assert [pause_after(count) for count in (0, 1, 2, 3, 9, 10**6)] == [1.0, 1.0, 2.0, 4.0, 15.0, 15.0]


def test_a_thread_that_cannot_go_on_ends_the_process() -> None:
    """With 70, though other threads go on; the log says which it was."""
    script = (
        "import threading\n"
        "from worker.supervision.lasting import LastingThread\n"
        "from worker.supervision.pulses import Pulses\n"
        "def turn(): raise SystemExit(0)\n"
        "LastingThread('relay', turn, pulses=Pulses(), bound_s=1.0).start()\n"
        "threading.Event().wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_BROKEN == 70
    assert "relay cannot go on" in done.stderr


def test_a_thread_without_a_pulse_makes_the_worker_not_alive() -> None:
    """By name, after its bound and not before; one that rests is well, one that has ended is not."""
    now = [0.0]
    pulses = Pulses(lambda: now[0])
    health = Health(1e9, lambda: now[0], pulses)
    relay, model = pulses.add("relay", 10.0), pulses.add("model-0", 10.0)
    relay.beat()
    model.rest()
    now[0] = 10.0
    assert health.faults() == []
    now[0] = 11.0
    assert health.faults() == ["thread relay has not been heard of for 11 s"]
    relay.beat()
    brief = threading.Thread(target=model.rest)
    brief.start()
    brief.join()
    assert health.faults() == ["thread model-0 has ended"]
    pulses.remove(model)
    assert health.faults() == []


def test_a_stopped_thread_ends_in_its_pause() -> None:
    """The next turn is an hour away, and nobody waits for it."""
    stop, begun = threading.Event(), threading.Event()
    thread = LastingThread("test", begun.set, pulses=Pulses(), bound_s=1.0, stop=stop, pause_s=3600.0).start()
    wait_until(begun.is_set, "the first turn")
    stop.set()
    thread.join()
