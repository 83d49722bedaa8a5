"""What a file of hashes holds: gathered one by one, normalised, counted, and refused as a whole."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taxonomy.errors import some_of
from worker.errors import HashListError
from worker.policies.hash_lists.index import HASH_BYTES, Rows, as_strings

PDQ, SHA256 = "pdq", "sha256"
KINDS = (PDQ, SHA256)

_DIGITS = 2 * HASH_BYTES
_FLAT = (bytes(HASH_BYTES), b"\xff" * HASH_BYTES)
_SHOWN = 40  # characters of a broken hash
_NAMED_KINDS = 20  # of those passed over; a hostile file has a million


@dataclass(frozen=True, slots=True)
class Hashes:
    """Sound hashes by kind, each kind sorted and without doubles; and how many of other kinds were passed over."""

    rows: Mapping[str, Rows]
    passed_over: Mapping[str, int]


class Collector:
    """Takes what a file says line by line; it goes on after broken lines, so that all of them are counted."""

    def __init__(self) -> None:
        self._found = {kind: bytearray() for kind in KINDS}
        self._passed_over: Counter[str] = Counter()
        self._broken_count = 0
        self._first_broken = (0, "")

    def take(self, kind: str | None, text: str, line: int) -> None:
        """One hash; of a kind that the file does not say it counts as each, as none of one is near any of another."""
        name = None if kind is None else _plain_kind(kind)
        if name not in (None, *KINDS):
            self._pass_over(name)
            return
        found = digest_of(text)
        if found is None:
            self.refuse(line, f"{text.strip()[:_SHOWN]!r} is no hash of {_DIGITS} hexadecimal digits")
        elif found in _FLAT and name != SHA256:
            self.refuse(line, "a PDQ hash of equal bits is that of every flat picture")
        else:
            for each in KINDS if name is None else (name,):
                self._found[each] += found

    def refuse(self, line: int, message: str) -> None:
        """A line is broken."""
        if not self._broken_count:
            self._first_broken = line, message
        self._broken_count += 1

    def hashes(self, source: Path) -> Hashes:
        """All that was taken. Raises HashListError where a line is broken, or there is nothing to import."""
        if self._broken_count:
            line, message = self._first_broken
            broken = "1 line is" if self._broken_count == 1 else f"{self._broken_count} lines are"
            raise HashListError(f"{message}; {broken} broken, and nothing was imported", source=source, line=line)
        if not any(self._found.values()):
            others = some_of((f"{count} of {kind}" for kind, count in self._passed_over.items()), _NAMED_KINDS)
            raise HashListError(f"no hash of PDQ or SHA-256 in it{others and f', only {others}'}", source=source)
        return Hashes({kind: distinct(as_rows(found)) for kind, found in self._found.items()}, dict(self._passed_over))

    def _pass_over(self, name: str) -> None:
        shown = name.upper()[:_SHOWN] or "NONE"
        is_named = shown in self._passed_over or len(self._passed_over) < _NAMED_KINDS
        self._passed_over[shown if is_named else "OTHERS"] += 1


def digest_of(text: str) -> bytes | None:
    """The 32 bytes of 64 hexadecimal digits in any case, with or without 0x; None of anything else."""
    digits = text.strip().removeprefix("0x").removeprefix("0X")
    if len(digits) != _DIGITS:
        return None
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        return None
    return found if len(found) == HASH_BYTES else None  # `fromhex` passes over blanks


def as_rows(found: bytes | bytearray) -> Rows:
    """(n, 32) hashes that lie one behind the other."""
    return np.frombuffer(found, dtype=np.uint8).reshape(-1, HASH_BYTES)


def distinct(rows: Rows, known: Rows | None = None) -> Rows:
    """The hashes in their order, each once, without those that are known."""
    found = np.unique(as_strings(rows))
    if known is not None and len(known):
        found = np.setdiff1d(found, as_strings(known), assume_unique=True)
    return found.view(np.uint8).reshape(-1, HASH_BYTES)


def _plain_kind(kind: str) -> str:
    """A kind as we name it: HASH_PDQ, PDQ and pdq are one."""
    return kind.strip().casefold().removeprefix("hash_").replace("-", "").replace("_", "")
