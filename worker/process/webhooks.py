"""The threads of a worker that tell webhooks of events: one gives events out, one has them sent."""

import threading
from collections.abc import Iterator

from worker.process.bootstrap import Services
from worker.supervision.lasting import LastingThread, Turn
from worker.webhooks.fan_out import FanOut
from worker.webhooks.sender import Sender

_POLLS = 10  # of the relay, between two looks
_PATIENCE_S = 5.0  # with webhooks that are silent while this worker stops


class Webhooks:
    """What a worker does for all webhooks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = threading.Event()
        settings = services.settings
        self._fan_out = FanOut(services.database, settings.worker_name, settings.lease_s, self._wake)
        self._sender = Sender(services.database, settings, self._wake)

    def threads(self, stop: threading.Event) -> Iterator[LastingThread]:
        """Not yet started."""
        settings, pulses = self._services.settings, self._services.pipeline.pulses

        def lasting(name: str, turn: Turn, wake: threading.Event | None = None) -> LastingThread:
            pause_s = _POLLS * settings.poll_s
            return LastingThread(
                name, turn, pulses=pulses, bound_s=settings.stuck_s, stop=stop, pause_s=pause_s, wake=wake
            )

        giving = lasting("webhooks", lambda: self._fan_out.turn(giving.pulse, stop))
        yield giving
        yield lasting("webhook sender", self._sender.turn, self._wake)

    def is_behind(self) -> bool:
        """Whether something waits that could be sent now."""
        return self._fan_out.is_behind() or self._sender.is_behind()

    def close(self) -> None:
        """Send nothing more, after `stop`."""
        self._wake.set()
        self._sender.close(_PATIENCE_S)
