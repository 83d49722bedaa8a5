"""CPU seconds, user and system, that commands need from start to end: what a script or a shell loop pays each time.

usage: python benchmarks/startup.py [--runs 7] [--json]

The commands run on a SQLite database made for the run, which knows one taxonomy and a bundle without files. Each is run
once before it is measured, so that bytecode is written and the disk's cache is warm. Other work on the machine adds to
the figures: compare the ratios to `python -c pass`, which is printed first.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from databases import fresh_database

from taxonomy import read_taxonomy
from worker.audit.activations import add_release
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.tables import BundleRow

CLADIST = "from worker.cli.main import main; main()"
TREE = "Animals > Cats\nAnimals > Dogs\n"
COMMANDS: dict[str, tuple[str, ...]] = {
    "python -c pass": ("pass",),
    "cladist --help": (CLADIST, "--help"),
    "cladist jobs list": (CLADIST, "jobs", "list"),
    "cladist labels": (CLADIST, "labels", "--under", "Animals"),
    "cladist submit": (CLADIST, "submit", "asset.png"),
    "cladist taxonomy check": (CLADIST, "taxonomy", "check", "taxonomy.csv"),
}


def prepare(folder: Path, url: str) -> None:
    """A taxonomy file, and a database that knows it and a bundle."""
    file = folder / "taxonomy.csv"
    file.write_text(TREE)
    database = Database(url)
    database.upgrade()
    with database.write() as session:
        release = add_release(session, read_taxonomy(file))
        created = datetime.now(UTC)
        session.add(BundleRow(model="m", release_id=release.id, created_at=created, folder="/nowhere", active=True))
    database.close()


def cpu_s(words: tuple[str, ...], folder: Path, url: str) -> float:
    """User and system seconds of one run; raises CalledProcessError when it fails."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    here = {"CLADIST_DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", *words], cwd=folder, env={**kept, **here}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(runs: int) -> list[dict[str, object]]:
    """The smallest, middle and largest of some runs of every command."""
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as name, fresh_database(None) as url:
        folder = Path(name)
        prepare(folder, url)
        for command, words in COMMANDS.items():
            cpu_s(words, folder, url)
            found = [cpu_s(words, folder, url) for _ in range(runs)]
            rows.append({"command": command, "min_s": min(found), "median_s": statistics.median(found),
                         "max_s": max(found)})  # fmt: skip
    return rows


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = measure(given.runs)
    if given.json:
        print(json.dumps(rows))
    else:
        print_table(f"CPU seconds, {given.runs} runs each", tuple(rows[0]), [list(row.values()) for row in rows])


if __name__ == "__main__":
    main()
