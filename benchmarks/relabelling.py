"""Move stored labels between two releases: labels/s, 20 kill -9s on the way, and rollback to the very same rows.

usage: python benchmarks/relabelling.py --taxonomies DIR [--labels 100000] [--kills 20] [--database-url URL] [--json]

The releases are IAB's content taxonomies 2.2 and 3.0 in DIR. Without a URL the database is a SQLite file of its own; a
PostgreSQL URL names a server, on which a database is made and dropped.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random

from databases import fresh_database
from sqlalchemy import func, insert, select

from taxonomy import Taxonomy, read_taxonomy
from taxonomy.changes.mapping import NO_MAPPING
from worker.audit.activations import add_release
from worker.db.engine import Database
from worker.db.tables import AssetRow, LabelRow, RelabellingRow
from worker.labels.relabelling.apply import apply_relabelling, rollback_relabelling


def fill(database: Database, release_id: int, taxonomy: Taxonomy, labels: int) -> int:
    """Random paths of the taxonomy as labels, every tenth of a person; returns how many assets that took."""
    random = Random(0)
    nodes = [node.id for node in taxonomy]
    rows: list[dict[str, object]] = []
    asset = 0
    while len(rows) < labels:
        asset += 1
        human = asset % 10 == 0
        confidence = 1.0
        for level, node in enumerate(taxonomy.path(random.choice(nodes)), 1):
            confidence *= 1.0 if human else random.uniform(0.8, 1.0)
            bundle_id = 0 if human else 1
            rows.append({"asset_id": asset, "release_id": release_id, "bundle_id": bundle_id, "node_id": node.id,
                         "level": level, "confidence": confidence, "on_path": True,
                         "source": "human" if human else "model"})  # fmt: skip
    with database.write() as session:
        session.execute(
            insert(AssetRow), [{"id": number, "uri": f"file:///{number}"} for number in range(1, asset + 1)]
        )
        session.execute(insert(LabelRow), rows)
    return asset


def digest(database: Database, release_id: int | None = None) -> str:
    """A hash of all label rows, or of those of a release, whatever their order; without the relabelling's number."""
    query = select(LabelRow.asset_id, LabelRow.release_id, LabelRow.bundle_id, LabelRow.node_id, LabelRow.level,
                   LabelRow.confidence, LabelRow.on_path, LabelRow.source)  # fmt: skip
    if release_id is not None:
        query = query.where(LabelRow.release_id == release_id)
    with database.read() as session:
        return sha256("\n".join(sorted(repr(tuple(row)) for row in session.execute(query))).encode()).hexdigest()


def kill_nine(url: str, database: Database, releases: tuple[str, str], kills: int, assets: int) -> int:
    """Run the command, kill it at random moments, and run it to its end; returns how many kills met it at work."""
    command = [
        sys.executable,
        "-c",
        "from worker.cli.main import main; main()",
        "taxonomy",
        "apply",
        *releases,
        "--batch",
        "200",
    ]
    env = {**os.environ, "CLADIST_DATABASE_URL": url, "OMP_NUM_THREADS": "1"}
    random = Random(0)
    met = 0
    for _ in range(kills):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            started = cursor(database)
            while process.poll() is None and cursor(database) <= started < assets:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.05))
            met += process.poll() is None
            process.kill()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return met


def cursor(database: Database) -> int:
    """How far the work has come."""
    with database.read() as session:
        return session.scalar(select(func.coalesce(func.max(RelabellingRow.cursor_asset_id), 0))
                              .where(RelabellingRow.status == "running")) or 0  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, object]:
    """All of it on one database."""
    before, after = (read_taxonomy(options.taxonomies / f"iab_content_{version}.tsv") for version in ("2.2", "3.0"))
    with fresh_database(options.database_url) as url:
        database = Database(url)
        database.upgrade()
        with database.write() as session:
            old, new = (add_release(session, taxonomy, "iab") for taxonomy in (before, after))
            ids, names = (old.id, new.id), (old.release, new.release)
        assets = fill(database, ids[0], before, options.labels)
        untouched = digest(database)
        started = time.perf_counter()
        outcome = apply_relabelling(database, *ids, NO_MAPPING, on_progress=lambda _done: None)
        apply_s = time.perf_counter() - started
        undisturbed = digest(database, ids[1])
        started = time.perf_counter()
        rollback_relabelling(database, *ids)
        rollback_s = time.perf_counter() - started
        restored = digest(database) == untouched
        met = kill_nine(url, database, names, options.kills, assets)
        same = digest(database, ids[1]) == undisturbed
        rollback_relabelling(database, *ids)
        result = {
            "database": database.engine.dialect.name, "labels": options.labels, "assets": assets,
            "labels_written": outcome.labels, "reviews": outcome.reviews, "apply_s": apply_s,
            "labels_per_s": options.labels / apply_s, "rollback_s": rollback_s, "rollback_identical": restored,
            "kills": options.kills, "kills_at_work": met, "same_after_kills": same,
            "rollback_identical_after_kills": digest(database) == untouched,
        }  # fmt: skip
        database.close()
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taxonomies", type=Path, required=True)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database-url")
    parser.add_argument("--json", action="store_true")
    result = measure(options := parser.parse_args())
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<32} {value:.1f}" if isinstance(value, float) else f"{name:<32} {value}")


if __name__ == "__main__":
    main()
