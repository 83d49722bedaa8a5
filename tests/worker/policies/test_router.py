"""The worker routes what it stores: in the labels' transaction, by the policies that run for the job's tenant."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fixture_types import MakeImages
from sqlalchemy import func, select

from taxonomy import Node, Taxonomy
from taxonomy.changes.mapping import NodeMapping
from worker.assets.deletion import delete_asset
from worker.audit.activations import add_release
from worker.catalog.releases import active_release
from worker.db.engine import Database
from worker.db.tables import JobRow, LabelRow, RoutingRow
from worker.dispatch.queues import Destination
from worker.errors import LookupFailedError
from worker.jobs.retention import purge_jobs
from worker.jobs.submission import Request, submit
from worker.labels.relabelling.apply import apply_relabelling
from worker.policies.explanation import explain_job
from worker.policies.mapped_nodes import Lost, lost_nodes, said_mapping
from worker.policies.routings import StoredRouting, changed, list_routings, show_routings, store_routings
from worker.policies.versions import find_policy, set_shadow
from worker.process.bootstrap import Services
from worker.process.service import run_worker
from worker.states import Action

Keep = Callable[..., str]
CHILDREN = (
    "if: {min_confidence: 0.0001}, when: age < 18, then: {action: review, queue: kids, priority: 5, tags: [minor]}"
)
ALL = "if: {}, then: {action: accept, collection: all}"


def jobs(services: Services, requests: list[Request], tenant: str = "default") -> list[int]:
    """Submit, and run all there is."""
    ids = [job for chunk in submit(services.database, requests, Destination(tenant=tenant)) for job in chunk]
    run_worker(services, drain=True)
    return ids


def routed(database: Database, **wanted: Any) -> list[tuple[Any, ...]]:
    with database.read() as tx:
        found = list_routings(tx, **wanted)
    return [
        (row["job"], f"{row['policy']}@{row['version']}", row["rule"], row["action"], row["queue"]) for row in found
    ]


def test_jobs_are_routed_by_metadata_and_answer(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(CHILDREN, ALL)
    first, second, third = make_images(3)
    ids = jobs(services, [Request(first, metadata={"age": 3}), Request(second, metadata={"age": "30"}), Request(third)])
    with services.database.read() as tx:
        (shown,) = show_routings(tx, ids[0])
    assert (shown["rule"], shown["queue"], shown["priority"], shown["tags"]) == ("r0", "kids", 5, ["minor"])
    assert [row[2:] for row in routed(services.database)] == [("r1", "accept", None), ("r1", "accept", None),
                                                            ("r0", "review", "kids")]  # fmt: skip
    assert [row[0] for row in routed(services.database, queue="kids")] == ids[:1]


def test_a_review_queue_is_listed_by_priority_and_page_by_page(
    services: Services, keep: Keep, make_images: MakeImages
) -> None:
    rule = "when: age < {}, then: {{action: review, queue: q, priority: {}}}"
    keep(rule.format(15, 9), rule.format(100, 1))
    ids = jobs(services, [Request(uri, metadata={"age": 10 * place}) for place, uri in enumerate(make_images(4))])
    order = [ids[1], ids[0], ids[3], ids[2]]
    assert [row[0] for row in routed(services.database, queue="q")] == order
    keep(rule.format(15, 7), rule.format(100, 3), name="other")
    more = jobs(services, [Request(uri, metadata={"age": 30}) for uri in make_images(2)])
    for queue in ("q", None):
        with services.database.read() as tx:
            whole = list_routings(tx, queue=queue)
            assert len(whole) == len(order) + 2 * len(more)
            pages = [list_routings(tx, queue=queue, limit=1)]
            while pages[-1]:
                pages.append(list_routings(tx, queue=queue, limit=1, before=pages[-1][-1]["cursor"]))
        assert [row for page in pages for row in page] == whole
    with services.database.read() as tx, pytest.raises(LookupFailedError, match="is no cursor"):
        list_routings(tx, before="7")


def test_without_a_policy_nothing_is_routed(services: Services, make_images: MakeImages) -> None:
    jobs(services, [Request(uri) for uri in make_images(2)])
    assert routed(services.database) == []


def test_a_tenants_own_policy_takes_the_place_of_the_common_one(
    services: Services, keep: Keep, make_images: MakeImages
) -> None:
    keep(ALL)
    keep(ALL, name="other")
    keep("if: {}, then: {action: reject}", tenant="acme")
    first, second = make_images(2)
    jobs(services, [Request(first)])
    (job,) = jobs(services, [Request(second)], "acme")
    mine = sorted((row[1], row[3]) for row in routed(services.database) if row[0] == job)
    assert mine == [("other@1", "accept"), ("p@1", "reject")]


def test_a_job_keeps_the_version_that_routed_it(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(ALL)
    first, second = make_images(2)
    jobs(services, [Request(first)])
    keep("if: {}, then: {action: reject}")  # while the worker's process has the first one compiled
    jobs(services, [Request(second)])
    assert [row[1:4] for row in routed(services.database)] == [("p@2", "r0", "reject"), ("p@1", "r0", "accept")]


def test_a_shadow_is_written_down_apart(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(ALL)
    keep("if: {}, then: {action: reject}", active=False)
    with services.database.write() as tx:
        set_shadow(tx, find_policy(tx, "p@2"), "tester", on=True)
    jobs(services, [Request(uri) for uri in make_images(2)])
    assert {row[1] for row in routed(services.database)} == {"p@1"}
    assert {row[1] for row in routed(services.database, shadow=True)} == {"p@2"}


def test_routings_go_with_their_asset_and_with_their_job(
    services: Services, keep: Keep, make_images: MakeImages
) -> None:
    keep(ALL)
    first, second = make_images(2)
    jobs(services, [Request(first, name="a"), Request(second, name="b")])
    delete_asset(services.database, "default", "a", "tester")
    assert len(routed(services.database)) == 1
    assert sum(purge_jobs(services.database, timedelta(0))) == 1
    assert routed(services.database) == []


def test_a_failed_job_has_no_routing(services: Services, keep: Keep) -> None:
    keep(ALL)
    jobs(services, [Request("file:///none.png")])
    assert routed(services.database) == []


def test_why_is_told_again_from_what_is_stored(services: Services, keep: Keep, make_images: MakeImages) -> None:
    keep(CHILDREN, "if: {tenant: acme}, then: {action: reject}", ALL)
    keep(ALL, name="q", active=False)
    (uri,) = make_images(1)
    (job,) = jobs(services, [Request(uri, metadata={"age": 30})])
    (found,) = explain_job(services.database, job, None, None)
    assert found["rule"] == "r2"
    assert found["tried"] == [
        {"rule": "r0", "failed": "when: age < 18 is false"},
        {"rule": "r1", "failed": "tenant is default, not acme"},
    ]
    (other,) = explain_job(services.database, job, "q", None)
    assert (other["policy"], other["rule"], other["tried"]) == ("q", "r0", [])


def another(tiny: Taxonomy) -> Taxonomy:
    """Round is called Circular by now, under another id; Square is gone."""
    nodes = [node for node in tiny if node.id not in {"round", "square"}]
    moved = [
        Node(node.id, node.name, tuple("circular" if parent == "round" else parent for parent in node.parents))
        for node in nodes
    ]
    return Taxonomy([*moved, Node("circular", "Circular", ("shape",), assignable=True)])


def test_a_policy_survives_a_new_release(
    services: Services, keep: Keep, make_images: MakeImages, tiny_taxonomy: Taxonomy
) -> None:
    """Nodes are mapped as labels are; what is nowhere is told, and matches nothing."""
    keep(
        "if: {under: Square, min_confidence: 0.0001}, then: {action: reject}",
        "if: {under: Round, min_confidence: 0.0001}, then: {action: accept}",
    )
    database = services.database
    mapping = NodeMapping({"round": ("circular",), "square": ()})
    with database.write() as tx:
        before = active_release(tx, "default")
        assert before is not None
        after = add_release(tx, another(tiny_taxonomy), "default")
        assert lost_nodes(tx, before, after, mapping) == [Lost("p@1", "Square")]
        ids = before.id, after.id
    apply_relabelling(database, *ids, mapping)
    with database.read() as tx:
        assert said_mapping(tx, *ids) == mapping
    (uri,) = make_images(1)
    (job,) = jobs(services, [Request(uri)])
    (found,) = explain_job(database, job, None, None)
    assert found["tried"] == [{"rule": "r0", "failed": "none of its nodes is in the taxonomy"}]
    assert found["rule"] == "r1"


def test_merged_and_lost_nodes_make_no_rule_reach_further(
    services: Services, keep: Keep, make_images: MakeImages, tiny_taxonomy: Taxonomy
) -> None:
    """Of merged nodes the strictest threshold counts; without a node that must not be decided a rule never matches."""
    keep(
        "if: {labels: {none: [Square]}}, then: {action: accept}",
        "if: {labels: {all: [Square]}}, then: {action: accept}",
        tail="thresholds: {Disc: 0.1, Ring: 0.9}\n",
    )
    mapping = NodeMapping({"ring": ("disc",), "square": ()})
    nodes = [node for node in tiny_taxonomy if node.id not in {"ring", "square"}]
    with services.database.write() as tx:
        before = active_release(tx, "default")
        assert before is not None
        ids = before.id, add_release(tx, Taxonomy(nodes), "default").id
    apply_relabelling(services.database, *ids, mapping)
    (uri,) = make_images(1)
    (job,) = jobs(services, [Request(uri)])
    (found,) = explain_job(services.database, job, None, None)
    assert found["rule"] == "default"
    assert found["tried"] == [{"rule": f"r{n}", "failed": "Square is not in the taxonomy any more"} for n in (0, 1)]


def test_hundreds_of_policies_in_one_store_are_compiled_once(
    services: Services, keep: Keep, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are kept in memory: one store needs them all."""
    monkeypatch.setattr("worker.policies.router._KEPT", 2)
    for number in range(5):
        keep(ALL, name=f"q{number}")
    jobs(services, [Request(uri) for uri in make_images(3)])
    assert len(routed(services.database)) == 15


def test_what_changes_is_told_once(services: Services, keep: Keep) -> None:
    """Another routing of the asset by the same policy, unless something else comes of it or a later job has one."""
    keep(ALL)
    keep(ALL, name="q")

    def of(job: int, action: Action = Action.ACCEPT, policy: int = 1, **marks: Any) -> StoredRouting:
        values = {"shadow": False, **marks}
        return StoredRouting(job, policy, 1, 7, "r", action, None, None, 0, (), sampled=False, **values)

    with services.database.read() as tx:
        assert changed(tx, []) == []
        assert changed(tx, [of(1)]) == [of(1)]
        assert changed(tx, [of(1), of(2)]) == [of(1)]
        assert changed(tx, [of(2, Action.REJECT), of(1)]) == [of(1), of(2, Action.REJECT)]
        assert changed(tx, [of(1), of(1, policy=2)]) == [of(1), of(1, policy=2)]
        assert changed(tx, [of(1, shadow=True)]) == []


def test_labels_and_routings_are_one_transaction(
    services: Services, keep: Keep, make_images: MakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the routing cannot be written, neither are the labels, and the job is tried again."""
    keep(ALL)
    calls: list[int] = []

    def fails_once(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("no space")
        store_routings(*args)

    monkeypatch.setattr("worker.policies.router.store_routings", fails_once)
    (uri,) = make_images(1)
    (job,) = jobs(services, [Request(uri)])
    with services.database.read() as tx:
        row = tx.get_one(JobRow, job)
        assert (row.status, row.charged) == ("succeeded", 2)
        assert tx.scalar(select(func.count()).select_from(RoutingRow)) == 1
        assert tx.scalar(select(func.count()).select_from(LabelRow))
