"""Sinks of somebody else, of every quality."""

from collections.abc import Sequence

from worker.errors import SinkError
from worker.sinks.protocol import Delivery


class Good:
    """A sink that forgets what it is told."""

    def __init__(self, target: str) -> None:
        self.name = f"good:{target}"

    def deliver(self, events: Sequence[Delivery]) -> None:
        """Nothing is kept."""


class Choosy(Good):
    """A sink that wants another target."""

    def __init__(self, target: str) -> None:
        raise SinkError(f"{target!r} is no place")


class Buggy(Good):
    """A sink that cannot be made."""

    def __init__(self, target: str) -> None:
        raise ZeroDivisionError(f"at redis://user:secret@{target}/0")


class Nameless(Good):
    """A sink without a name that could be remembered."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.name = ""
