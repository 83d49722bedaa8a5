"""How many suspects run together: few, then fewer with each attempt, and one alone on its last."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import isqrt
from typing import TypeVar

T = TypeVar("T")


def largest_group(message_size: int) -> int:
    """Suspects in one message: the square root of a full one.

    What killed a worker in a full message is alone after one further death, not after one for each halving of it.
    """
    return isqrt(message_size)


def group_size(charged: int, *, max_attempts: int, message_size: int) -> int:
    """How many suspects with so many attempts charged may run together: half as many after each."""
    is_last = charged + 1 >= max_attempts
    return 1 if is_last else max(1, largest_group(message_size) >> max(0, charged - 1))


def suspect_groups(
    suspects: Iterable[tuple[int, int]], *, max_attempts: int, message_size: int
) -> Iterator[Sequence[int]]:
    """Job ids in groups, of the ids and charged attempts of suspects; those charged least run first."""

    def size(suspect: tuple[int, int]) -> int:
        return group_size(suspect[1], max_attempts=max_attempts, message_size=message_size)

    for most, alike in groupby(sorted(suspects, key=lambda suspect: (-size(suspect), suspect)), size):
        yield from in_pieces([job_id for job_id, _ in alike], most)


def in_pieces(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The things in their order, at most `size` at a time."""
    yield from (things[start : start + size] for start in range(0, len(things), size))
