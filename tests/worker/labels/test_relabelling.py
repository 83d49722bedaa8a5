"""Stored labels move from one release to another: coherent, nothing lost, resumable, and back again byte for byte."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from command_line import CLADIST
from fixture_types import MakeImages, Submitted
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags, naive_lineage
from sqlalchemy import event, insert, select, text, update
from waiting import wait_until

from taxonomy import Node, Taxonomy, canonical_json
from taxonomy.changes.diff import ChangeKind, diff
from taxonomy.changes.mapping import NO_MAPPING, NodeMapping
from worker.audit.activations import add_release
from worker.catalog.releases import find_release, list_releases, stored_taxonomy
from worker.db.engine import Database
from worker.db.tables import HUMAN, AssetRow, JobRow, LabelRow, ReleaseRow
from worker.errors import InvalidMoveError, LookupFailedError
from worker.labels.relabelling.apply import apply_relabelling, difference_of, list_reviews, rollback_relabelling
from worker.labels.relabelling.batches import next_assets
from worker.labels.relabelling.carry import Carrying, Label
from worker.labels.relabelling.plan import plan_relabelling
from worker.process.bootstrap import Services
from worker.settings import Settings

BEFORE = Taxonomy(
    [
        Node("A", "A"), Node("B", "B"), Node("a", "a", ("A",)), Node("b", "b", ("A",)), Node("x", "x", ("a",)),
        Node("y", "y", ("a",)), Node("d", "d", ("B",)), Node("e", "e", ("B",)), Node("G", "G"),
    ]
)  # fmt: skip
# a moved under B and was renamed; b merged into a; y was removed; d was split; G went without a trace
AFTER = Taxonomy(
    [
        Node("A", "A"), Node("B", "B"), Node("a", "alpha", ("B",)), Node("x", "x", ("a",)),
        Node("d1", "d1", ("B",)), Node("d2", "d2", ("B",)), Node("e", "e", ("B",)),
    ]
)  # fmt: skip
MAPPING = NodeMapping({"b": ("a",), "d": ("d1", "d2")})


def carry(*labels: tuple[str, float, bool]) -> tuple[dict[str, tuple[int, float, bool]], list[tuple[str, str]]]:
    moved, lost = Carrying(diff(BEFORE, AFTER, MAPPING)).carry([Label(*label) for label in labels])
    return {m.node: (m.level, m.confidence, m.on_path) for m in moved}, [
        (each.node, each.change.value) for each in lost
    ]


def test_a_moved_node_takes_its_ancestors_anew() -> None:
    """Levels rewritten; the new ancestor has no confidence of its own and takes that of its child; A is not carried."""
    moved, lost = carry(("A", 0.9, True), ("a", 0.8, True), ("x", 0.5, False))
    assert moved == {"B": (1, 0.8, True), "a": (2, 0.8, True), "x": (3, 0.5, False)}
    assert lost == []


def test_a_merged_node_carries_over() -> None:
    assert carry(("A", 0.9, True), ("b", 0.7, True)) == ({"B": (1, 0.7, True), "a": (2, 0.7, True)}, [])


def test_split_and_removed_fall_back_and_are_listed() -> None:
    """To the nearest surviving ancestor, which keeps its own confidence."""
    assert carry(("B", 0.9, True), ("d", 0.6, True)) == ({"B": (1, 0.9, True)}, [("d", "split")])
    moved, lost = carry(("A", 0.9, True), ("a", 0.8, True), ("y", 0.6, True))
    assert moved == {"B": (1, 0.8, True), "a": (2, 0.8, True)}
    assert lost == [("y", "removed")]


def test_a_decided_node_is_kept_though_the_node_below_it_moves_away() -> None:
    """Decided at A, with an undecided guess at a, which moves under B: A stays, and stays the decision."""
    moved, lost = carry(("A", 0.9, True), ("a", 0.5, False))
    assert moved == {"A": (1, 0.9, True), "B": (1, 0.5, False), "a": (2, 0.5, False)}
    assert lost == []


def test_without_a_surviving_ancestor_the_asset_is_listed() -> None:
    assert carry(("G", 0.9, True)) == ({}, [("G", "removed")])


@st.composite
def moves(draw: st.DrawFn) -> tuple[Taxonomy, Taxonomy, NodeMapping, list[Label]]:
    """Two random DAGs that share ids, a random mapping, and coherent labels of one asset."""
    before, after = draw(dags(max_nodes=9)), draw(dags(max_nodes=9))
    old, new = [n.id for n in before], [n.id for n in after]
    targets = draw(
        st.dictionaries(st.sampled_from(old), st.lists(st.sampled_from(new), max_size=2, unique=True).map(tuple))
    )
    chosen = set().union(
        *(naive_lineage(before, node) for node in draw(st.sets(st.sampled_from(old), min_size=1, max_size=3)))
    )
    levels = before.levels
    labels = [Label(node, 0.9 ** levels[node], levels[node] <= 2) for node in sorted(chosen)]
    return before, after, NodeMapping(targets), labels


@given(moves())
def test_what_is_carried_is_coherent_and_nothing_is_lost(
    case: tuple[Taxonomy, Taxonomy, NodeMapping, list[Label]],
) -> None:
    """Closed upward, no ancestor below its child, levels right; every deepest label is carried or listed."""
    before, after, mapping, labels = case
    difference = diff(before, after, mapping)
    moved, lost = Carrying(difference).carry(labels)
    found = {m.node: m for m in moved}
    for label in moved:
        assert label.level == after.levels[label.node]
        for parent in after[label.node].parents:
            assert found[parent].confidence >= label.confidence
            assert found[parent].on_path or not label.on_path
    nodes = {label.node for label in labels}
    inner = set().union(*(naive_lineage(before, node) - {node} for node in nodes))
    for node in nodes - inner:
        target = difference.target(node)
        assert target in found or node in {each.node for each in lost}
        if target is not None:
            assert found[target].confidence >= next(label.confidence for label in labels if label.node == node)


Released = Callable[..., tuple[ReleaseRow, ReleaseRow]]


@pytest.fixture
def releases(database: Database) -> tuple[int, int]:
    """Both releases, stored; the older one is active."""
    with database.write() as session:
        return add_release(session, BEFORE, "shop").id, add_release(session, AFTER, "shop").id


def fill(database: Database, release_id: int, assets: int) -> None:
    """Labels of a model and, for every fourth asset, of a person, on all kinds of nodes."""
    random = Random(0)
    paths = [["A", "a", "x"], ["A", "a", "y"], ["A", "b"], ["B", "d"], ["B", "e"], ["G"], ["A"]]
    rows = []
    for asset in range(1, assets + 1):
        for bundle, source in [(1, "model"), *([(HUMAN, "human")] if asset % 4 == 0 else [])]:
            confidence = 1.0
            for level, node in enumerate(random.choice(paths), 1):
                confidence *= random.uniform(0.7, 1) if source == "model" else 1
                rows.append({"asset_id": asset, "release_id": release_id, "bundle_id": bundle, "node_id": node,
                             "level": level, "confidence": confidence, "on_path": level < 3,
                             "source": source})  # fmt: skip
    with database.write() as session:
        session.execute(insert(AssetRow), [{"id": asset, "uri": f"file:///{asset}"} for asset in range(1, assets + 1)])
        session.execute(insert(LabelRow), rows)


def table(database: Database, name: str) -> list[tuple[object, ...]]:
    with database.read() as session:
        return sorted(map(tuple, session.execute(text(f"SELECT * FROM {name}"))), key=repr)


def active(database: Database) -> list[str]:
    with database.read() as session:
        return [row["release"] for row in list_releases(session) if row["active"]]


def quiet(_done: int) -> None:
    """Listen to nothing."""


def test_apply_moves_all_and_rollback_restores_all(database: Database, releases: tuple[int, int]) -> None:
    """Old rows stay; every asset has labels on the new release or is listed; a second apply changes nothing."""
    fill(database, releases[0], 200)
    before = table(database, "labels")
    first = apply_relabelling(database, *releases, MAPPING, batch=30, on_progress=quiet)
    after = table(database, "labels")
    assert first.changed
    assert first.assets == 200
    assert set(before) <= set(after)
    assert len(after) == len(before) + first.labels
    with database.read() as session:
        listed = {row["asset_id"] for row in list_reviews(session, first.relabelling, limit=1000)}
        moved = set(session.scalars(select(LabelRow.asset_id).where(LabelRow.release_id == releases[1])))
        sources = set(
            session.execute(select(LabelRow.source, LabelRow.relabelling_id).where(LabelRow.release_id == releases[1]))
        )
    assert moved | listed == set(range(1, 201))
    assert sources == {("model", first.relabelling), ("human", first.relabelling)}
    assert active(database) != []
    second = apply_relabelling(database, *releases, MAPPING, batch=30, on_progress=quiet)
    assert not second.changed
    assert table(database, "labels") == after
    rollback_relabelling(database, *releases, batch=30)
    assert table(database, "labels") == before
    assert table(database, "reviews") == []
    with database.read() as session:
        assert active(database) == [session.get_one(ReleaseRow, releases[0]).release]
    third = apply_relabelling(database, *releases, MAPPING, batch=1000, on_progress=quiet)
    assert (third.assets, third.labels) == (first.assets, first.labels)


def test_the_new_release_is_active_after_apply(database: Database, releases: tuple[int, int]) -> None:
    fill(database, releases[0], 3)
    apply_relabelling(database, *releases, MAPPING, on_progress=quiet)
    with database.read() as session:
        assert find_release(session, "shop").id == releases[1]


def test_labels_given_on_the_new_release_itself_stay(database: Database, releases: tuple[int, int]) -> None:
    """A model's and a person's own answers on the new release are neither overwritten nor taken back."""
    fill(database, releases[0], 8)
    own = [
        {"asset_id": 4, "release_id": releases[1], "bundle_id": bundle, "node_id": "B", "level": 1, "confidence": 0.25,
         "on_path": True, "source": source}
        for bundle, source in ((1, "model"), (HUMAN, "human"))
    ]  # fmt: skip
    with database.write() as session:
        session.execute(insert(LabelRow), own)
    before = table(database, "labels")
    apply_relabelling(database, *releases, MAPPING, on_progress=quiet)
    query = select(LabelRow.confidence, LabelRow.source).where(
        LabelRow.asset_id == 4, LabelRow.release_id == releases[1], LabelRow.node_id == "B"
    )
    with database.read() as session:
        assert sorted(map(tuple, session.execute(query))) == [(0.25, "human"), (0.25, "model")]
    rollback_relabelling(database, *releases)
    assert table(database, "labels") == before


def test_the_plan_counts_and_changes_nothing(database: Database, releases: tuple[int, int]) -> None:
    fill(database, releases[0], 100)
    before = table(database, "labels")
    with database.read() as session:
        old, new = (session.get_one(ReleaseRow, number) for number in releases)
        plan = plan_relabelling(session, old, new, difference_of(old, new, MAPPING))
    kinds = {change["change"]: change for change in plan["changes"]}
    assert plan["labels"] == len(before) == sum(change["labels"] for change in plan["changes"])
    assert kinds["split"]["labels"] == sum(row[3] == "d" for row in before)
    assert kinds["removed"]["labels"] == sum(row[3] in ("y", "G") for row in before)
    assert plan["without_ancestor"] == sum(row[3] == "G" for row in before)
    assert (kinds["merged"]["nodes"], kinds["added"]["nodes"]) == (1, 0)
    assert table(database, "labels") == before


def test_pages_are_walked_by_the_primary_key(database: Database, releases: tuple[int, int]) -> None:
    """Not by the index on (release, node, ...), by which every page would read all labels of the release."""
    fill(database, releases[0], 50)
    heard: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *words: heard.append(words[2]))
    with database.read() as session:
        assert list(next_assets(session, releases[0], 10, 3)) == [11, 12, 13]
        if database.is_sqlite:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {heard[-1]}", (0, releases[0], 10, 3, 0))
            steps = [row[3] for row in plan]
            assert any("sqlite_autoindex_labels" in step for step in steps), steps
            assert not any("TEMP B-TREE" in step for step in steps), steps


def test_labels_given_while_it_runs_are_carried_too(
    database: Database, releases: tuple[int, int], services: Services, submitted: Submitted,
    make_images: MakeImages, tiny_taxonomy: Taxonomy,
) -> None:  # fmt: skip
    """A worker labels an asset anew on the old release behind the cursor: the new release gets the new labels."""
    del releases
    uris = make_images(3)
    services.pipeline.run(submitted(uris))
    same = Taxonomy([Node(n.id, f"{n.name}!", n.parents, assignable=n.assignable) for n in tiny_taxonomy])
    with database.write() as session:
        old, new = find_release(session, "default").id, add_release(session, same).id

    def work_behind_the_cursor(done: int) -> None:
        if done == 3:
            with database.write() as session:
                session.execute(update(LabelRow).where(LabelRow.release_id == old).values(confidence=0.125))
                session.execute(update(JobRow).values(finished_at=session.now()))

    apply_relabelling(database, old, new, NO_MAPPING, batch=3, on_progress=work_behind_the_cursor)
    with database.read() as session:
        assert set(session.scalars(select(LabelRow.confidence).where(LabelRow.release_id == new))) == {0.125}


def test_moves_that_make_no_sense_are_refused(database: Database, releases: tuple[int, int]) -> None:
    """The same release twice, another mapping, nothing to roll back, and a rollback that a later move builds on."""
    fill(database, releases[0], 4)
    with pytest.raises(LookupFailedError, match="nothing to roll back"):
        rollback_relabelling(database, *releases)
    with pytest.raises(InvalidMoveError, match="both releases are the same"):
        apply_relabelling(database, releases[0], releases[0], NO_MAPPING, on_progress=quiet)
    apply_relabelling(database, *releases, MAPPING, on_progress=quiet)
    with pytest.raises(InvalidMoveError, match="another mapping"):
        apply_relabelling(database, *releases, NO_MAPPING, on_progress=quiet)
    with database.write() as session:
        third = add_release(session, Taxonomy([Node("A", "A"), Node("B", "B")]), "shop").id
    apply_relabelling(database, releases[1], third, NO_MAPPING, on_progress=quiet)
    with pytest.raises(InvalidMoveError, match="moved these labels on"):
        rollback_relabelling(database, *releases)
    rollback_relabelling(database, releases[1], third)
    rollback_relabelling(database, *releases)


def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    database: Database, settings: Settings, releases: tuple[int, int], tmp_path: Path
) -> None:
    """A real `cladist taxonomy apply`, killed again and again, ends as one that was left alone."""
    fill(database, releases[0], 1500)
    mapping = tmp_path / "mapping.csv"
    mapping.write_text("from,to\nb,a\nd,d1\nd,d2\n")
    with database.read() as session:
        names = [session.get_one(ReleaseRow, number).release for number in releases]
    command = [*CLADIST, "taxonomy", "apply", *names, "--mapping", str(mapping), "--batch", "10"]
    env = {**os.environ, "CLADIST_DATABASE_URL": settings.database_url, "OMP_NUM_THREADS": "1"}
    random = Random(1)
    for _ in range(3):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            goal = progress(database) + random.randrange(1, 200)
            wait_until(lambda: process.poll() is not None or progress(database) >= goal, "some of the work")  # noqa: B023 (used at once)
            process.send_signal(signal.SIGKILL)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    interrupted = {row[:-1] for row in table(database, "labels")}
    rollback_relabelling(database, *releases)
    apply_relabelling(database, *releases, MAPPING, on_progress=quiet)
    assert {row[:-1] for row in table(database, "labels")} == interrupted


def progress(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(text("SELECT coalesce(max(cursor_asset_id), 0) FROM relabellings")).scalar_one())


def test_releases_are_found_by_hash_name_and_file(
    database: Database, releases: tuple[int, int], tmp_path: Path
) -> None:
    """And come back as they were imported."""
    path = tmp_path / "after.json"
    path.write_text(canonical_json(AFTER))
    with database.read() as session:
        new = session.get_one(ReleaseRow, releases[1])
        for wanted in (new.release, new.release[:8], str(path)):
            assert find_release(session, wanted).id == new.id
        assert find_release(session, "shop").id == releases[0]
        assert stored_taxonomy(new) == AFTER
        for wanted in ("abc", "0" * 12, "nowhere"):
            with pytest.raises(LookupFailedError, match="no release is named"):
                find_release(session, wanted)


def test_every_kind_of_change_has_an_action() -> None:
    from worker.labels.relabelling.plan import ACTIONS  # noqa: PLC0415 (of this test alone)

    assert set(ACTIONS) == set(ChangeKind)
