"""Label rows/s against an ORM merge per asset, and what a page of labels costs far behind the first.

usage: python benchmarks/labels.py [--database-url URL] [--rows 10000000] [--assets 2048] [--rounds 5] [--json]

Writing: both sides write the same labels and decisions, of five levels each, first on assets without labels and then
again on the same ones. The usual way merges each row into a session and commits each asset; Cladist writes a batch in
one transaction. They take turns, and each ratio is of one round.

Reading: `labels --under X --min-confidence c` on so many label rows, every eighth at X, against a page of the same
size and the same columns by the primary key. The page far behind is number 10,000, or the last one of 100 assets that
there is; its place is found beforehand, and is what the page before it would have told. Each time is the median of
reads of neighbouring pages on a warm cache.

Without a URL the database is a SQLite file of its own; a PostgreSQL URL names a server, on which a database is made.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import Any

from databases import fresh_database
from sqlalchemy import func, insert, select, text

from classifier.inference.decision import Decision
from classifier.inference.prediction import Alternative, AssetPrediction, LevelLabel
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.statements.locks import hold_assets
from worker.db.statements.rows import insert_rows
from worker.db.tables import AssetRow, BundleRow, DecisionRow, JobRow, LabelRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.jobs.claims import Claim
from worker.labels.storage import MODEL, LabelledAsset, labels_under, store_predictions

LEVELS = 5
BATCHES = (32, 256)
PAGE = 100
FAR_PAGE = 10_000
READS = 31
MIN_CONFIDENCE = 0.2
CHUNK = 20_000  # assets in one transaction of the fill
NODE = "X"
AT_NODE = (LabelRow.release_id == 1, LabelRow.node_id == NODE, LabelRow.confidence >= MIN_CONFIDENCE)
COLUMNS = ("asset_id", "release_id", "bundle_id", "node_id", "level", "confidence", "on_path", "source")

Result = tuple[Claim, AssetPrediction]


def prediction(asset: str, random: Random) -> AssetPrediction:
    """A path of five levels with three alternatives a level, decided at the third."""
    confidence, levels = 1.0, []
    for level in range(1, LEVELS + 1):
        confidence = round(confidence * random.uniform(0.8, 1.0), 6)
        node = f"node-{level}-{random.randrange(10**level)}"
        others = tuple(Alternative(f"{node}-{i}", f"Other {i}", round(confidence / (i + 2), 6)) for i in range(3))
        levels.append(LevelLabel(level, node, f"Node {level}", confidence, others))
    third = levels[2]
    path = tuple(label.name for label in levels[:3])
    decision = Decision(third.node, path, 3, third.confidence, "stopped at Node 3: Node 4 has 0.312 < threshold 0.512")
    return AssetPrediction(asset, "r" * 64, "model-1", tuple(levels), decision)


def prepare(database: Database) -> None:
    """The bundle and the release that all rows speak of."""
    with database.write() as session:
        now = session.now()
        session.add(ReleaseRow(id=1, release="r" * 64, taxonomy="{}", created_at=now))
        session.flush()
        session.add(BundleRow(id=1, model="model-1", folder="/none", release_id=1, active=True, created_at=now))


def results(database: Database, first_asset: int, count: int, random: Random) -> list[Result]:
    """A new job for each of these assets, which are made where they are missing, and what is said of it."""
    ids = range(first_asset, first_asset + count)
    with database.write() as session:
        now = session.now()
        if session.get(AssetRow, first_asset) is None:
            session.execute(insert(AssetRow), [{"id": number, "uri": f"file:///{number}.jpg"} for number in ids])
        jobs = [{"asset_id": number, "bundle_id": 1, "created_at": now} for number in ids]
        job_ids = session.scalars(insert(JobRow).returning(JobRow.id, sort_by_parameter_order=True), jobs).all()
    return [(Claim(job, 1, asset, 1, f"file:///{asset}.jpg"), prediction(f"file:///{asset}.jpg", random))
            for job, asset in zip(job_ids, ids, strict=True)]  # fmt: skip


def merge_each(database: Database, all_of_them: Sequence[Result]) -> None:
    """The usual way: one transaction an asset, one merge a row."""
    for claim, said in all_of_them:
        decision = said.decision
        with database.write() as session:
            for label in said.levels:
                session.merge(LabelRow(asset_id=claim.asset_id, release_id=1, bundle_id=1, node_id=label.node,
                                       level=label.level, confidence=label.confidence, source=MODEL,
                                       on_path=label.level <= decision.level))  # fmt: skip
            session.merge(DecisionRow(job_id=claim.job_id, asset_id=claim.asset_id, node_id=decision.node,
                                      level=decision.level, confidence=decision.confidence, reason=decision.reason,
                                      prediction=said.as_dict()))  # fmt: skip


def store_batches(database: Database, all_of_them: Sequence[Result], batch: int) -> None:
    """Cladist's way."""
    pending = iter(all_of_them)
    while some := list(islice(pending, batch)):
        with database.write() as session:
            hold_assets(session, [claim.asset_id for claim, _ in some])
            store_predictions(session, some, 1)


def seconds(action: Callable[[], None]) -> float:
    """How long it took."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure_writing(database: Database, options: argparse.Namespace) -> Iterator[dict[str, object]]:
    """One row for each batch size, for new assets and for those labelled before."""
    random = Random(0)
    first = 1
    for batch in BATCHES:
        pairs: dict[str, list[tuple[float, float]]] = {"new": [], "again": []}
        for _ in range(options.rounds):
            ours, theirs = first, first + options.assets
            first += options.assets + options.merged
            for measured in pairs.values():
                slow = results(database, theirs, options.merged, random)
                fast = results(database, ours, options.assets, random)
                a = seconds(partial(merge_each, database, slow)) / options.merged
                b = seconds(partial(store_batches, database, fast, batch)) / options.assets
                measured.append((a / LEVELS, b / LEVELS))
        for assets, times in pairs.items():
            ratios = [a / b for a, b in times]
            yield {"assets": assets, "batch": batch, "merge_rows_per_s": 1 / statistics.median(a for a, _ in times),
                   "rows_per_s": 1 / statistics.median(b for _, b in times), "ratio": statistics.median(ratios),
                   "lowest": min(ratios), "highest": max(ratios)}  # fmt: skip


def fill(database: Database, first_asset: int, assets: int) -> None:
    """Five labels an asset; three assets of five are at node X. Indexes are made afterwards, as for any large load."""
    random = Random(1)
    table = LabelRow.metadata.tables[LabelRow.__tablename__]
    indexes = [index for index in table.indexes if "confidence" in index.columns]
    with database.write() as session:
        for index in indexes:
            index.drop(session.connection())
    for start in range(first_asset, first_asset + assets, CHUNK):
        ids = range(start, min(start + CHUNK, first_asset + assets))
        with database.write() as session:
            insert_rows(
                session, AssetRow, ("id", "name", "uri"), ((number, *[f"file:///{number}.jpg"] * 2) for number in ids)
            )
            insert_rows(session, LabelRow, COLUMNS, (row for number in ids for row in label_rows(number, random)))
    with database.write() as session:
        for index in indexes:
            index.create(session.connection())
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))


def label_rows(asset: int, random: Random) -> Iterator[tuple[object, ...]]:
    """In the order of COLUMNS."""
    confidence = 1.0
    for level in range(1, LEVELS + 1):
        confidence *= random.uniform(0.6, 1.0)
        node = NODE if level == 1 and asset % 5 < 3 else f"node-{level}-{random.randrange(10**level)}"
        yield asset, 1, 1, node, level, round(confidence, 6), True, MODEL


def far_place(session: Transaction, page: int) -> tuple[float, int]:
    """The last confidence and asset of the page before this one."""
    query = select(LabelRow.confidence, LabelRow.asset_id).where(*AT_NODE)
    last = query.order_by(LabelRow.confidence.desc(), LabelRow.asset_id.desc()).offset((page - 1) * PAGE - 1).limit(1)
    confidence, asset = session.execute(last).one()
    return confidence, asset


def read_pages(session: Transaction, after: tuple[float, int] | None) -> float:
    """Seconds for a page of labels: the median of the page after this place and those that follow it."""
    times = []
    for _ in range(READS):
        started = time.perf_counter()
        page = list(labels_under(session, 1, NODE, MIN_CONFIDENCE, limit=PAGE, after=after))
        times.append(time.perf_counter() - started)
        if len(page) != PAGE:
            raise RuntimeError(f"a page has {len(page)} rows, not {PAGE}")
        after = page[-1].confidence, page[-1].asset_id
    return statistics.median(times)


def read_primary_key_pages(session: Transaction, assets: int) -> float:
    """Seconds for a page of as many label rows, made into the same objects, in the order of the primary key."""
    keys = (LabelRow.asset_id, LabelRow.release_id, LabelRow.bundle_id, LabelRow.node_id)
    random = Random(2)
    times = []
    for _ in range(READS):
        after = random.randrange(assets - PAGE)
        started = time.perf_counter()
        rows = select(LabelRow).where(LabelRow.asset_id > after).order_by(*keys).limit(PAGE).subquery()
        query = (
            select(rows.c.asset_id, AssetRow.uri, rows.c.node_id, rows.c.level, rows.c.confidence, rows.c.on_path,
                   rows.c.source, BundleRow.model, AssetRow.name)
            .join(AssetRow, AssetRow.id == rows.c.asset_id).outerjoin(BundleRow, BundleRow.id == rows.c.bundle_id)
        )  # fmt: skip
        page = [LabelledAsset(*row) for row in session.execute(query)]
        times.append(time.perf_counter() - started)
        if len(page) != PAGE:
            raise RuntimeError(f"a page has {len(page)} rows, not {PAGE}")
    return statistics.median(times)


def measure_reading(database: Database, rows: int) -> dict[str, object]:
    """The first page, one far behind, and one by the primary key, of so many label rows."""
    assets = rows // LEVELS
    took = seconds(lambda: fill(database, 1, assets))
    with database.read() as session:
        at_node = session.scalar(select(func.count()).select_from(LabelRow).where(*AT_NODE)) or 0
        page = min(FAR_PAGE, at_node // PAGE - READS)
        place = far_place(session, page)
        for _ in range(2):  # the second time with a warm cache
            first, far = read_pages(session, None), read_pages(session, place)
            primary = read_primary_key_pages(session, assets)
    return {"rows": assets * LEVELS, "fill_s": took, "at_node": at_node, "far_page": page,
            "primary_key_page_ms": primary * 1000, "first_page_ms": first * 1000, "far_page_ms": far * 1000,
            "first_to_primary_key": first / primary, "far_to_first": far / first}  # fmt: skip


def bytes_per_row(database: Database, tables: Sequence[str]) -> dict[str, float]:
    """What a row takes on disk with its part of all indexes; PostgreSQL tells, SQLite does not."""
    if database.is_sqlite:
        return {}
    query = "SELECT pg_total_relation_size('{0}')::float / (SELECT count(*) FROM {0})"
    with database.read() as session:
        return {table: session.scalar(text(query.format(table))) or 0.0 for table in tables}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Reading and writing, each on a database of its own."""
    found: dict[str, Any] = {"database": "postgresql" if options.database_url else "sqlite"}
    for name, action in (("writing", lambda database: list(measure_writing(database, options))),
                         ("reading", lambda database: measure_reading(database, options.rows))):  # fmt: skip
        with fresh_database(options.database_url) as url:
            database = Database(url)
            database.upgrade()
            prepare(database)
            found[name] = action(database)
            tables = ("labels", "assets") if name == "reading" else ("jobs", "decisions")
            found["bytes_per_row"] = {**found.get("bytes_per_row", {}), **bytes_per_row(database, tables)}
            database.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--assets", type=int, default=2048, help="that Cladist writes in a round")
    parser.add_argument("--merged", type=int, default=256, help="that the usual way writes in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    found = measure(options := parser.parse_args())
    if options.json:
        print(json.dumps(found))
        return
    print_table(
        f"writing, {found['database']}", list(found["writing"][0]), [list(row.values()) for row in found["writing"]]
    )
    for name, value in {**found["reading"], **found["bytes_per_row"]}.items():
        print(f"{name:<24} {value:.3f}" if isinstance(value, float) else f"{name:<24} {value}")


if __name__ == "__main__":
    main()
