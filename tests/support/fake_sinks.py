"""Sinks in memory, well and ill."""

import threading
from collections.abc import Sequence

from worker.sinks.protocol import Delivery


class ListSink:
    """A sink that remembers what it was told, and may be down."""

    def __init__(self, name: str = "list") -> None:
        self.name = name
        self.told: list[Delivery] = []
        self.is_down = False

    def deliver(self, events: Sequence[Delivery]) -> None:
        if self.is_down:
            raise ConnectionError("no route to redis://user:secret@host/0")
        self.told += events

    @property
    def ids(self) -> list[int]:
        return [event.id for event in self.told]


class StuckSink(ListSink):
    """A sink that stands still until it is let go."""

    def __init__(self, name: str = "stuck") -> None:
        super().__init__(name)
        self.is_entered, self.go_on = threading.Event(), threading.Event()

    def deliver(self, events: Sequence[Delivery]) -> None:
        self.is_entered.set()
        self.go_on.wait(60)
        super().deliver(events)
