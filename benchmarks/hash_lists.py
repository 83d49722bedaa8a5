"""How long it takes to know whether a picture is on a list of PDQ hashes, and what the list costs in memory.

usage: python benchmarks/hash_lists.py [--entries 1000000] [--look-ups 1000] [--distance 31] [--digests 0] [--json]

Each row is a list of so many hashes, and look-ups of one kind:

    uniform   hashes without any pattern, asked for hashes that are not on it
    hits      the same list, asked for its own hashes with up to `--distance` bits changed
    scan      the same list without its index: a comparison with every hash
    crowded   a thousand pictures with their copies, up to 40 bits from each other, asked for further copies
    alike N   a hostile list, all hashes of which are the same in N of the 16 chunks, as are those asked for

Milliseconds of one look-up on one core: `median` and `p99` by the clock, which other processes disturb, and `cpu p99`
of the thread alone.

With `--digests N`, a set of N SHA-256 too.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from worker.cli.output import print_table
from worker.policies.hash_lists.index import DigestSet, PdqIndex, Rows

COLUMNS = ("list", "entries", "build s", "bytes/entry", "found", "median ms", "p99 ms", "cpu p99 ms")
PICTURES = 1000
CROWD_BITS = 40
SCANS = 50
ALIKE = (1, 4, 8, 15)

Row = dict[str, float | int | str]
Ask = Callable[[bytes], bool]


def uniform(count: int, random: np.random.Generator) -> Rows:
    """Hashes without a pattern."""
    return random.integers(0, 256, (count, 32), dtype=np.uint8)


def changed(rows: Rows, most: int, random: np.random.Generator) -> Rows:
    """Each hash with 0 to `most` of its bits changed."""
    counts = random.integers(0, most + 1, len(rows))
    for _ in range(most):
        places = random.integers(0, 256, len(rows))
        rows[np.arange(len(rows)), places // 8] ^= ((counts > 0) << (places % 8)).astype(np.uint8)
        counts -= 1
    return rows


def crowded(count: int, random: np.random.Generator) -> Rows:
    """A thousand pictures and their copies."""
    centres = uniform(PICTURES, np.random.default_rng(1))
    rows = np.empty((count, 32), dtype=np.uint8)
    for start in range(0, count, 100_000):
        part = rows[start : start + 100_000]
        part[:] = changed(centres[random.integers(0, PICTURES, len(part))], CROWD_BITS // 2, random)
    return rows


def alike(count: int, chunks: int, random: np.random.Generator) -> Rows:
    """All the same in so many chunks."""
    rows = uniform(count, random)
    rows[:, : 2 * chunks] = 7
    return rows


def timed(name: str, rows: Rows, asked: Rows, ask: Ask, build_s: float, size_bytes: int) -> Row:
    """A row of the table."""
    wall, cpu, found = [], [], 0
    for each in asked:
        bits = each.tobytes()
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        found += ask(bits)
        cpu.append(time.thread_time() - begun_cpu)
        wall.append(time.perf_counter() - begun)
    values = (len(rows), build_s, size_bytes / len(rows), found / len(asked))
    times = 1000 * np.median(wall), 1000 * np.quantile(wall, 0.99), 1000 * np.quantile(cpu, 0.99)
    return {"list": name, **dict(zip(COLUMNS[1:], (*values, *map(float, times)), strict=True))}


def measured(entries: int, look_ups: int, distance: int) -> list[Row]:
    """All lists, one after the other, so that only one is in memory."""
    random = np.random.default_rng(0)
    found = []

    def look_up(name: str, rows: Rows, *questions: tuple[str, Rows]) -> PdqIndex:
        begun = time.perf_counter()
        index = PdqIndex(rows)
        build_s = time.perf_counter() - begun
        for kind, asked in questions or ((name, changed(rows[random.integers(0, entries, look_ups)], 20, random)),):
            near: Ask = lambda bits: index.nearest(bits, distance) is not None  # noqa: E731 (for this index)
            found.append(timed(kind, rows, asked, near, build_s, index.size_bytes))
        return index

    rows = uniform(entries, random)
    hits = changed(rows[random.integers(0, entries, look_ups)], distance, random)
    index = look_up("uniform", rows, ("uniform", uniform(look_ups, random)), ("hits", hits))
    scan: Ask = lambda bits: len(index._scan(np.frombuffer(bits, dtype=np.uint64), distance).places) > 0  # noqa: E731, SLF001
    found.append(timed("scan", rows, hits[:SCANS], scan, 0.0, 32 * entries))
    look_up("crowded", crowded(entries, random))
    for chunks in ALIKE:
        look_up(f"alike {chunks}", alike(entries, chunks, random))
    return found


def measured_digests(count: int, look_ups: int) -> Row:
    """A set of SHA-256, half of the look-ups of which are on it."""
    random = np.random.default_rng(0)
    rows = uniform(count, random)
    begun = time.perf_counter()
    digests = DigestSet(rows)
    build_s = time.perf_counter() - begun
    asked = np.concatenate([rows[random.integers(0, count, look_ups // 2)], uniform(look_ups // 2, random)])
    return timed("sha256", rows, asked, digests.__contains__, build_s, 32 * count)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--look-ups", type=int, default=1000)
    parser.add_argument("--distance", type=int, default=31)
    parser.add_argument("--digests", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measured(given.entries, given.look_ups, given.distance)
    if given.digests:
        found.append(measured_digests(given.digests, given.look_ups))
    if given.json:
        print(json.dumps(found))
    else:
        print_table(f"within {given.distance} bits", COLUMNS, [[row[column] for column in COLUMNS] for row in found])


if __name__ == "__main__":
    main()
