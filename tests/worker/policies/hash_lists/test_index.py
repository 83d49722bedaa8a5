"""Look-ups in memory against a comparison with every hash."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.policies.hash_lists import index as index_module
from worker.policies.hash_lists.index import DigestSet, PdqIndex, Rows

COUNT = 6000  # more than are only scanned
Random = np.random.Generator


def uniform(random: Random) -> Rows:
    return random.integers(0, 256, (COUNT, 32), dtype=np.uint8)


def crowded(random: Random) -> Rows:
    """Twenty pictures and their many copies, a few bits from each other."""
    centres = random.integers(0, 256, (20, 32), dtype=np.uint8)
    return np.array([flipped(centres[i % 20], int(random.integers(0, 50)), random) for i in range(COUNT)])


def alike(random: Random) -> Rows:
    """All the same in six chunks of sixteen."""
    rows = uniform(random)
    rows[:, 4:16] = 7
    return rows


def flipped(row: Rows, count: int, random: Random) -> Rows:
    """The hash with so many bits changed."""
    bits = np.unpackbits(row)
    bits[random.choice(256, count, replace=False)] ^= 1
    return np.packbits(bits)


def brute_force(rows: Rows, asked: Rows, distance: int) -> dict[int, int]:
    differing = np.unpackbits(rows ^ asked, axis=1).sum(axis=1, dtype=int)
    return {int(place): int(differing[place]) for place in np.flatnonzero(differing <= distance)}


@pytest.mark.parametrize("make", [uniform, crowded, alike])
@pytest.mark.parametrize("gather_cost", [0, 4, 10**6], ids=["always the index", "what costs less", "always a scan"])
def test_a_look_up_finds_what_a_comparison_with_every_hash_finds(
    make: Callable[[Random], Rows], gather_cost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each distance from 0 to 63, at hashes that far from one of the list, one bit nearer and one bit further."""
    monkeypatch.setattr(index_module, "_GATHER_COST", gather_cost)
    random = np.random.default_rng(0)
    rows = make(random)
    index = PdqIndex(rows)
    for distance in range(64):
        for off in {max(0, distance - 1), distance, distance + 1}:
            asked = flipped(rows[random.integers(COUNT)], off, random)
            found = index.within(asked.tobytes(), distance)
            expected = brute_force(rows, asked, distance)
            assert dict(zip(found.places.tolist(), found.distances.tolist(), strict=True)) == expected
            assert index.nearest(asked.tobytes(), distance) == min(expected.values(), default=None)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_bits_in_any_place_are_within_reach(data: st.DataObject) -> None:
    """Whichever bits differ, however they are spread over the chunks: found at their number, and not below it."""
    places = data.draw(st.sets(st.integers(0, 255), max_size=63))
    bits = np.unpackbits(ROWS[data.draw(st.integers(0, COUNT - 1))])
    bits[list(places)] ^= 1
    asked = np.packbits(bits).tobytes()
    assert INDEX.nearest(asked, len(places)) is not None
    assert all(found >= len(places) for found in [INDEX.nearest(asked, len(places) - 1)] if found is not None)


ROWS = uniform(np.random.default_rng(1))
INDEX = PdqIndex(ROWS)


@pytest.mark.parametrize("count", [0, 1, 3, 4096, 4097])
def test_lists_of_any_length(count: int) -> None:
    """None, few that are scanned, and the first that are looked up."""
    rows = uniform(np.random.default_rng(2))[:count]
    index = PdqIndex(rows)
    assert len(index) == count
    assert index.nearest(bytes(32), 31) is None
    assert [index.nearest(row.tobytes(), 0) for row in rows[-3:]] == [0] * min(3, count)
    assert len(index.within(bytes(32), 256).places) == count


def test_all_bits_may_differ() -> None:
    """A distance of 256 is no 0."""
    zeros = np.zeros((3, 32), dtype=np.uint8)
    assert PdqIndex(zeros).nearest(b"\xff" * 32, 255) is None
    assert PdqIndex(zeros).nearest(b"\xff" * 32, 256) == 256


def test_a_list_of_equal_hashes_is_answered() -> None:
    """Every chunk leads to all of it."""
    rows = np.repeat(uniform(np.random.default_rng(3))[:1], COUNT, axis=0)
    assert len(PdqIndex(rows).within(rows[0].tobytes(), 31).places) == COUNT


def test_memory_is_as_stated() -> None:
    """96 bytes for each hash and 4 MB; 32 bytes where there are few."""
    assert PdqIndex(ROWS[:100]).size_bytes == 3200
    assert INDEX.size_bytes == 96 * COUNT + 16 * 65537 * 4


def test_digests_are_found_exactly() -> None:
    """Each of the list, and none that differs in one bit; NULs at the end included."""
    rows = ROWS.copy()
    rows[:3, 20:] = 0
    digests = DigestSet(rows)
    assert len(digests) == COUNT
    assert all(row.tobytes() in digests for row in rows[:200])
    random = np.random.default_rng(4)
    assert not any(flipped(row, 1, random).tobytes() in digests for row in rows[:200])
    assert bytes(32) not in digests
    assert b"\xff" * 32 not in digests
    assert bytes(32) not in DigestSet(rows[:0])
