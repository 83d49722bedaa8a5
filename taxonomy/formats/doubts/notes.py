"""What a reader had to decide by itself: warnings that it leaves for whoever asked for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def collect_notes() -> Iterator[list[str]]:
    """The list to which every `note` inside is added."""
    found: list[str] = []
    token = _notes.set(found)
    try:
        yield found
    finally:
        _notes.reset(token)


def note(text: str) -> None:
    """Tell the reader of the file something; lost where nobody collects."""
    found = _notes.get()
    if found is not None and text not in found:
        found.append(text)
