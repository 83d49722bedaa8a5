"""How long work tells how far it is, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Called often with (stage, done, total, note); `done` never falls within a stage."""

    def __call__(self, stage: str, done: int, total: int, note: str, /) -> None:
        """Take note of it."""


def silent(_stage: str, _done: int, _total: int, _note: str, /) -> None:
    """Listen to nothing."""
