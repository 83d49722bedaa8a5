"""Known hashes in memory: PDQ hashes within a Hamming distance of one, and digests that are the same."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 32  # of a PDQ hash and of a SHA-256
BITS = 8 * HASH_BYTES

Rows = NDArray[np.uint8]  # (n, 32): one hash a row
Words = NDArray[np.uint64]  # (n, 4): the same bytes
Ints = NDArray[np.int64]

_CHUNKS = 16
_CHUNK_VALUES = 2**16
_WIDEST = 3  # bits in which a chunk may differ and still be looked up: beyond that a scan costs less
_SCANNED = 4096  # hashes that are compared one by one about as fast as they are looked up
_GATHER_COST = 4  # reading a hash at a random place costs about as much as scanning so many
_SCAN_ROWS = 2**15  # hashes compared at once: 1 MB, which stays in a core's cache


def _masks() -> NDArray[np.uint16]:
    """All ways to change up to _WIDEST bits of a chunk, those of fewer bits first."""
    values = np.arange(_CHUNK_VALUES, dtype=np.uint16)
    bits = np.bitwise_count(values)
    near = values[bits <= _WIDEST]
    return near[np.argsort(np.bitwise_count(near), kind="stable")]


_MASKS = _masks()
_MASK_ENDS = np.cumsum(np.bincount(np.bitwise_count(_MASKS)))  # (_WIDEST + 1,): masks of at most so many bits


class Near(NamedTuple):
    """The hashes within a distance: where they stand in the index, and in how many bits they differ."""

    places: Ints
    distances: Ints


class PdqIndex:
    """PDQ hashes, looked up by any hash within a Hamming distance; exact, and never changed once it is made.

    A hash is cut into 16 chunks of 16 bits, and each chunk's value leads to the hashes that have it. When each chunk k
    of two hashes differs in more than r_k bits, the hashes differ in at least sum(r_k + 1); so to find all within d,
    it is enough to look in each chunk at the values within r_k bits of the one asked for, for any r_k >= -1 (not at
    all) with sum(r_k + 1) = d + 1. They are chosen by what the values hold: hashes that are all alike in one chunk are
    found by the others. Where even the best choice would read more than a scan, it scans.
    Source: Norouzi, Punjani and Fleet, "Fast exact search in Hamming space with multi-index hashing", 2014.

    Memory: 96 bytes for each hash and 4 MB; up to 4096 hashes are only scanned, at 32 bytes each.
    """

    def __init__(self, hashes: Rows) -> None:
        self._words: Words = np.ascontiguousarray(hashes).view(np.uint64)  # (n, 4)
        self._is_indexed = len(hashes) > _SCANNED
        if self._is_indexed:
            chunks = np.ascontiguousarray(hashes).view(np.uint16)  # (n, 16)
            self._starts = np.zeros((_CHUNKS, _CHUNK_VALUES + 1), dtype=np.uint32)
            self._order = np.empty((_CHUNKS, len(hashes)), dtype=np.uint32)
            for chunk in range(_CHUNKS):
                values = np.ascontiguousarray(chunks[:, chunk])
                np.cumsum(np.bincount(values, minlength=_CHUNK_VALUES), out=self._starts[chunk, 1:])
                self._order[chunk] = np.argsort(values, kind="stable")

    def __len__(self) -> int:
        return len(self._words)

    @property
    def size_bytes(self) -> int:
        """The memory that it holds."""
        tables = self._order.nbytes + self._starts.nbytes if self._is_indexed else 0
        return self._words.nbytes + tables

    def within(self, bits: bytes, distance: int) -> Near:
        """All hashes that differ from `bits` (32 bytes) in at most `distance` bits, in no order."""
        if distance < 0 or not len(self):
            return _NONE
        asked = np.frombuffer(bits, dtype=np.uint64)
        if not self._is_indexed or distance + 1 > _CHUNKS * (_WIDEST + 1):
            return self._scan(asked, distance)
        places = self._candidates(np.frombuffer(bits, dtype=np.uint16), distance)
        return self._scan(asked, distance) if places is None else self._checked(places, asked, distance)

    def nearest(self, bits: bytes, distance: int) -> int | None:
        """The distance of the nearest hash; None where none is within `distance`."""
        found = self.within(bits, distance).distances
        return int(found.min()) if len(found) else None

    def _candidates(self, asked: NDArray[np.uint16], distance: int) -> NDArray[np.uint32] | None:
        """Where the hashes are that may be within the distance; None when a scan costs less than to read them."""
        widest = min(_WIDEST, distance // _CHUNKS + 1)
        values = asked[:, None] ^ _MASKS[: _MASK_ENDS[widest]]  # (16, masks)
        chunks = np.arange(_CHUNKS)[:, None]
        firsts = self._starts[chunks, values].astype(np.int64)
        counts = self._starts[chunks, values.astype(np.int64) + 1] - firsts
        looked_at = _within_radii(_radii(counts, widest, distance), counts.shape[1])
        firsts, counts = (firsts + chunks * len(self))[looked_at], counts[looked_at]
        total = int(counts.sum())
        if total * _GATHER_COST > len(self):
            return None
        ends = np.cumsum(counts)
        places: NDArray[np.uint32] = self._order.take(np.arange(total) + np.repeat(firsts - ends + counts, counts))
        return places

    def _checked(self, places: NDArray[np.uint32], asked: Words, distance: int) -> Near:
        distances = _distances(self._words.take(places, axis=0), asked)  # five times as fast as [places]
        is_near = distances <= distance
        found, first = np.unique(places[is_near], return_index=True)  # more than one chunk may lead to a hash
        return Near(found.astype(np.int64), distances[is_near][first])

    def _scan(self, asked: Words, distance: int) -> Near:
        parts = [_NONE]
        for start in range(0, len(self), _SCAN_ROWS):
            distances = _distances(self._words[start : start + _SCAN_ROWS], asked)
            found = np.flatnonzero(distances <= distance)
            parts.append(Near(found + start, distances[found]))
        return Near(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class DigestSet:
    """Digests of 32 bytes, of which one is there or is not. Memory: 32 bytes each, so 320 MB for 10 million."""

    def __init__(self, digests: Rows) -> None:
        self._sorted = np.sort(as_strings(digests))

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, digest: bytes) -> bool:
        place = int(np.searchsorted(self._sorted, np.array(digest, dtype=self._sorted.dtype)))
        return place < len(self._sorted) and bool(self._sorted[place] == digest.rstrip(b"\0"))


def as_strings(hashes: Rows) -> NDArray[np.bytes_]:
    """(n,) the same hashes as numpy's strings of 32 bytes, which can be sorted; NULs at an end are not told apart."""
    return np.ascontiguousarray(hashes).view(f"S{HASH_BYTES}").reshape(-1)


def _radii(counts: Ints, widest: int, distance: int) -> Ints:
    """(16,) in how many bits each chunk is looked up, -1 for not at all: those that lead to the fewest hashes.

    counts: (16, masks). A chunk is widened bit by bit, so a later step of it is never taken before an earlier one.
    """
    steps = np.add.reduceat(counts, [0, *_MASK_ENDS[:widest]], axis=1)  # (16, widest + 1): hashes of one bit more
    costs = np.maximum.accumulate(steps, axis=1)
    taken = np.argsort(costs, axis=None, kind="stable")[: distance + 1]
    return np.bincount(taken // (widest + 1), minlength=_CHUNKS) - 1


def _within_radii(radii: Ints, mask_count: int) -> NDArray[np.bool_]:
    """(16, masks) which values are looked up."""
    ends = np.concatenate([[0], _MASK_ENDS])[radii + 1]
    return np.asarray(np.arange(mask_count) < ends[:, None])


def _distances(words: Words, asked: Words) -> Ints:
    """(n,) in how many bits each hash differs."""
    bits = np.bitwise_count(words ^ asked)  # (n, 4) uint8, each up to 64
    total: Ints = bits[:, 0] + bits[:, 1] + bits[:, 2] + bits[:, 3].astype(np.int64)  # three of them still fit
    return total


_NONE = Near(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
