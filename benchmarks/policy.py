"""Routing: decisions a second, replays, and what a policy adds to a worker's time for an image.

usage: python benchmarks/policy.py [--rules N] [--cel N] [--replayed N] [--labels LABELS.CSV [--images N] [--rounds N]]

A taxonomy of 2,220 nodes; rules that ask for a node and a confidence, every fifth with a `when`. Routing is measured on
one core, replay on all, over predictions that are written first. With --labels the same images go through a worker
with the policy and without it, in turn, and the processor's time for an image is compared; without, that is left out.
"""

import argparse
import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from databases import fresh_database
from throughput import untrained_bundle

from classifier.data.manifest import read_manifest
from classifier.inference.decision import Decision
from classifier.inference.prediction import Alternative, AssetPrediction, LevelLabel
from taxonomy import Node, Taxonomy, read_taxonomy
from worker.audit.activations import add_release
from worker.cli.output import print_table
from worker.db.engine import Database
from worker.db.statements.rows import insert_rows, stored_time
from worker.db.tables import AssetRow, BundleRow, DecisionRow, JobRow, PolicyRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.jobs.submission import Request, submit
from worker.models.registration import add_bundle
from worker.pipeline.parallelism import set_up_process
from worker.policies.replay import Question, replay
from worker.policies.rules.compile import CompiledPolicy
from worker.policies.rules.document import PolicyDocument, parse_policy
from worker.policies.rules.facts import Facts
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import activate_policy, add_policy
from worker.process.bootstrap import bootstrap
from worker.process.service import run_worker
from worker.settings import EMBEDDED_BROKER, Settings

CHUNK = 5000  # rows written at once
HEAD = "policy: bench\nmetadata: {author_age: int, channel: string}\ndefault: {action: accept}\nrules:\n"


def wide_taxonomy() -> Taxonomy:
    """20 x 10 x 10."""
    nodes = []
    for root in range(20):
        nodes.append(Node(f"r{root}", f"Root {root}"))
        for middle in range(10):
            nodes.append(Node(f"r{root}.{middle}", f"Middle {root} {middle}", (f"r{root}",)))
            nodes += [
                Node(f"r{root}.{middle}.{leaf}", f"Leaf {root} {middle} {leaf}", (f"r{root}.{middle}",))
                for leaf in range(10)
            ]
    return Taxonomy(nodes)


def made_policy(names: list[str], rules: int, with_cel: int, seed: int = 1) -> PolicyDocument:
    """Rules about random nodes, `with_cel` of them with a `when` as well."""
    random = Random(seed)
    lines = []
    for number in range(rules):
        when = f", when: 'author_age < {number} && channel == \"web\"'" if number < with_cel else ""
        lines.append(
            f"  - {{name: rule {number}, if: {{under: {json.dumps(random.choice(names))}, min_confidence: "
            f"{random.uniform(0.5, 0.99):.2f}}}{when}, then: {{action: review, queue: q{number % 7}}}}}\n"
        )
    random.shuffle(lines)
    return parse_policy(HEAD + "".join(lines) + "audit: {share: 0.02, queue: audit}\n", "bench.yaml")


def made_prediction(random: Random, release: str) -> AssetPrediction:
    """A path with three runners-up at each level."""
    root, middle, leaf = random.randrange(20), random.randrange(10), random.randrange(10)
    path = f"r{root}", f"r{root}.{middle}", f"r{root}.{middle}.{leaf}"
    beside = (
        [f"r{(root + step) % 20}" for step in (1, 2, 3)],
        [f"r{root}.{(middle + step) % 10}" for step in (1, 2, 3)],
        [f"r{root}.{middle}.{(leaf + step) % 10}" for step in (1, 2, 3)],
    )
    confidence, labels = 1.0, []
    for level, (node, others) in enumerate(zip(path, beside, strict=True), 1):
        confidence = round(confidence * random.uniform(0.7, 1), 6)
        alternatives = tuple(Alternative(o, o, round(random.uniform(0, (1 - confidence) / 3), 6)) for o in others)
        labels.append(LevelLabel(level, node, node, confidence, alternatives))
    decision = Decision(path[1], path[:2], 2, labels[1].confidence, "stopped at a level")
    return AssetPrediction("file:///a.png", release, "bench", tuple(labels), decision)


def measure_routing(taxonomy: Taxonomy, options: argparse.Namespace) -> dict[str, Any]:
    """Routings a second on one core, facts made of the prediction included."""
    document = made_policy([node.id for node in taxonomy], options.rules, options.cel)
    policy = CompiledPolicy(document, PolicyNodes.of(taxonomy))
    random, now = Random(2), datetime.now(UTC)
    predictions = [made_prediction(random, "r") for _ in range(5000)]
    metadata = {"author_age": 30, "channel": "web"}
    rates = []
    for _ in range(7):
        started = time.perf_counter()
        for prediction in predictions:
            policy.route(Facts(prediction, policy.nodes.above, "default", "asset", metadata, now))
        rates.append(len(predictions) / (time.perf_counter() - started))
    return {
        "rules": options.rules,
        "cel": options.cel,
        "routings_per_s": statistics.median(rates),
        "lowest": min(rates),
        "highest": max(rates),
    }


def _write_answers(tx: Transaction, first: int, count: int, release: ReleaseRow, random: Random) -> None:
    now = datetime.now(UTC) - timedelta(days=30)
    jobs, decisions, assets = [], [], []
    for number in range(first, first + count):
        prediction = made_prediction(random, release.release)
        at = stored_time(tx, now + timedelta(seconds=number))
        assets.append((number, f"file:///{number}.png", 1, f"asset {number}"))
        age = json.dumps({"author_age": number % 90, "channel": "web"})
        jobs.append((number, number, 1, "succeeded", 1, at, at, 1, 1, age))
        decision = prediction.decision
        said = decision.node, decision.level, decision.confidence, decision.reason, json.dumps(prediction.as_dict())
        decisions.append((number, number, *said))
    insert_rows(tx, AssetRow, ("id", "uri", "tenant_id", "name"), assets)
    columns = ("id", "asset_id", "bundle_id", "status", "attempt", "created_at", "finished_at", "queue_id", "tenant_id")
    insert_rows(tx, JobRow, (*columns, "metadata"), jobs)
    names = ("job_id", "asset_id", "node_id", "level", "confidence", "reason", "prediction")
    insert_rows(tx, DecisionRow, names, decisions)


def measure_replay(taxonomy: Taxonomy, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds for a replay of so many stored predictions by two versions."""
    names = [node.id for node in taxonomy]
    with fresh_database(options.database_url) as url:
        database = Database(url)
        database.upgrade()
        nodes, random = PolicyNodes.of(taxonomy), Random(3)
        with database.write() as tx:
            release = add_release(tx, taxonomy)
            tx.add(BundleRow(model="bench", folder="/none", release_id=release.id, active=True, created_at=tx.now()))
            old, new = (
                add_policy(
                    tx, made_policy(names, options.rules, options.cel, seed), release, nodes, None, "bench"
                ).row.id
                for seed in (1, 2)
            )
        for first in range(1, options.replayed + 1, CHUNK):
            with database.write() as tx:
                release = tx.get_one(ReleaseRow, 1)
                _write_answers(tx, first, min(CHUNK, options.replayed + 1 - first), release, random)
        started = time.perf_counter()
        found = replay(database, Question(old, new), lambda _done, _all: None)
        took = time.perf_counter() - started
        database.close()
    return {"jobs": found.jobs, "flips": found.flips, "seconds": took, "jobs_per_s": found.jobs / took}


def worker_cpu_s(settings: Settings, images: list[Path]) -> float:
    """Processor seconds for an image, of all threads of a worker that runs them all."""
    services = bootstrap(settings)
    for _ in submit(services.database, (Request(path.as_uri()) for path in images)):
        pass
    started = time.process_time()
    run_worker(services, drain=True)
    took = time.process_time() - started
    services.close()
    return took / len(images)


def measure_worker(options: argparse.Namespace) -> dict[str, Any]:
    """The same images with an active policy and without one, in turn; the ratio is taken round by round."""
    taxonomy = read_taxonomy(options.labels, "labels-csv")
    images = [sample.image for sample in read_manifest(options.labels, taxonomy).samples[: options.images]]
    document = made_policy([node.id for node in taxonomy], options.rules, options.cel)
    with TemporaryDirectory() as work, fresh_database(options.database_url) as url:
        settings = Settings(database_url=url, broker_url=options.broker_url, torch_threads=2, batch_size=32,
                            queue=f"policy-{time.time_ns()}")  # fmt: skip
        database = Database(url)
        database.upgrade()
        add_bundle(database, untrained_bundle(Path(work) / "bundle", options.backbone, taxonomy, 224).folder)
        with database.write() as tx:
            policy = add_policy(tx, document, tx.get_one(ReleaseRow, 1), PolicyNodes.of(taxonomy), None, "bench").row.id
        worker_cpu_s(settings, images[:64])
        rounds = []
        for _ in range(options.rounds):
            without = worker_cpu_s(settings, images)
            rounds.append((without, _with_policy(database, policy, settings, images)))
        database.close()
    added = [with_ / without - 1 for without, with_ in rounds]
    return {
        "backbone": options.backbone,
        "images": len(images),
        "without_ms": 1000 * statistics.median(without for without, _ in rounds),
        "with_ms": 1000 * statistics.median(with_ for _, with_ in rounds),
        "added": statistics.median(added),
        "least": min(added),
        "most": max(added),
    }


def _with_policy(database: Database, policy: int, settings: Settings, images: list[Path]) -> float:
    with database.write() as tx:
        activate_policy(tx, tx.get_one(PolicyRow, policy), "tester")
    took = worker_cpu_s(settings, images)
    with database.write() as tx:
        tx.get_one(PolicyRow, policy).active = False
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--cel", type=int, default=40)
    parser.add_argument("--replayed", type=int, default=1_000_000, help="stored predictions")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--backbone", default="mobilenetv3_small_100")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database-url")
    parser.add_argument("--broker-url", default=EMBEDDED_BROKER)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    set_up_process(Settings(torch_threads=2))
    taxonomy = wide_taxonomy()
    results = {"routing": measure_routing(taxonomy, options), "replay": measure_replay(taxonomy, options)}
    if options.labels:
        results["worker"] = measure_worker(options)
    if options.json:
        print(json.dumps(results))
        return
    for name, found in results.items():
        print_table(name, tuple(found), [list(found.values())])


if __name__ == "__main__":
    main()
