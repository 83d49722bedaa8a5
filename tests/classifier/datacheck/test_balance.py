"""Splits and nodes: what is empty, single, too fine or lopsided, on trees and DAGs, small and large."""

import time
from pathlib import Path

import numpy as np
import pytest
from random_taxonomies import balanced_tree

from classifier.data.manifest import Sample
from classifier.datacheck.balance import coarser_nodes, count_images, node_findings, split_findings
from classifier.datacheck.findings import Finding
from taxonomy import Hierarchy


def samples(**counts: int) -> list[Sample]:
    """So many training samples of each node."""
    return [Sample(Path("x"), (node,), "train", 1.0, 2) for node, count in counts.items() for _ in range(count)]


def of_kind(findings: list[Finding], kind: str) -> list[tuple[str, str]]:
    return [(finding.where, finding.what) for finding in findings if finding.kind == kind]


def found(hierarchy: Hierarchy, labelled: list[Sample]) -> list[Finding]:
    return list(node_findings(count_images(labelled, hierarchy)))


@pytest.mark.parametrize(("split", "severity"), [("train", "error"), ("val", "warning"), ("test", "warning")])
def test_an_empty_split_says_what_follows(split: str, severity: str) -> None:
    """Without train nothing can be trained; without the others there is a fallback, or a lack, to be told of."""
    others = [name for name in ("train", "val", "test") if name != split]
    labelled = [Sample(Path("x"), (node,), name, 1.0, 2) for name in others for node in "ab"]
    (finding,) = split_findings("l.csv", labelled)
    assert (finding.kind, finding.severity, finding.where) == ("empty_split", severity, f"l.csv: {split}")


def test_all_samples_of_one_label() -> None:
    """Nothing to tell apart is an error."""
    labelled = [Sample(Path("x"), ("a",), name, 1.0, 2) for name in ("train", "val", "test")]
    (finding,) = split_findings("l.csv", labelled)
    assert (finding.kind, finding.severity) == ("single_label", "error")
    assert finding.what.startswith("all 3 samples are labelled 'a'")


def test_nodes_without_samples_are_named_once_at_the_top(tree: Hierarchy) -> None:
    """B with all below it, and a2 alone."""
    findings = of_kind(found(tree, samples(a1=20)), "node_without_samples")
    assert findings == [
        ("B", "no image has this label, nor the 2 nodes below it"),
        ("A > a2", "no image has this label"),
    ]


def test_a_shared_node_with_samples_leaves_neither_parent_empty(dag: Hierarchy) -> None:
    """Boots stand under both."""
    findings = of_kind(found(dag, samples(boots=20)), "node_without_samples")
    assert [where for where, _ in findings] == ["Outdoor > Tents", "Clothing > Footwear > Sandals"]


def test_nodes_of_one_sample(tree: Hierarchy) -> None:
    """Terminals alone; the root above needs no mention."""
    assert [where for where, _ in of_kind(found(tree, samples(a1=20, a2=1)), "node_with_one_sample")] == ["A > a2"]


def test_leaves_too_fine_for_their_data(tree: Hierarchy) -> None:
    """Fewer than ten training images: the first node above with ten is suggested, siblings together."""
    findings = of_kind(found(tree, samples(a1=9, a2=3, b1=30, b2=10)), "too_fine")
    assert findings == [
        ("A", "fewer than 10 training images for a1 9, a2 3: label at this node instead, which has 12, or find more")
    ]


def test_levels_too_fine_for_their_data(tree: Hierarchy) -> None:
    """When more than half of the terminals of a level are too thin."""
    assert of_kind(found(tree, samples(a1=9, a2=3, b1=30, b2=10)), "level_too_fine") == []
    findings = of_kind(found(tree, samples(a1=9, a2=3, b1=8, b2=10)), "level_too_fine")
    assert findings == [
        ("level 2", "3 of its 4 terminals with images have fewer than 10 for training: stop at level 1")
    ]


def test_too_little_data_altogether(tree: Hierarchy) -> None:
    """Nothing above has enough: no coarser node is suggested."""
    ((where, what),) = of_kind(found(tree, samples(a1=2, a2=3)), "too_fine")
    assert where == "the whole taxonomy"
    assert what.endswith("nothing above has enough either")


def test_the_coarser_node_is_the_parent_with_the_most_images(dag: Hierarchy) -> None:
    """Boots climb to outdoor, which has tents, rather than to footwear; for footwear itself nothing has enough."""
    index = dag.index
    counts = count_images(samples(boots=4, tents=20, sandals=3), dag)
    assert coarser_nodes(counts, 10) == {
        -1: [index["foot"], index["sandals"]],
        index["out"]: [index["boots"]],
    }


def test_lopsided_levels(tree: Hierarchy) -> None:
    """A note with the counts; a warning when the fullest node has more than twenty times the median."""
    findings = [finding for finding in found(tree, samples(a1=900, a2=20, b1=20, b2=20)) if finding.kind == "imbalance"]
    assert [(finding.where, finding.severity) for finding in findings] == [("level 1", "note"), ("level 2", "warning")]
    assert findings[1].what == "4 nodes with 20 to 900 training images, median 20; most at A > a1"


def test_eleven_thousand_nodes_take_seconds() -> None:
    """Time linear in the nodes."""
    hierarchy = Hierarchy.compile(balanced_tree(10, 5))
    leaves = np.random.default_rng(0).choice(hierarchy.terminals, 20_000)
    labelled = [Sample(Path("x"), (hierarchy.node_ids[leaf],), "train", 1.0, 2) for leaf in leaves]
    started = time.process_time()
    assert len(found(hierarchy, labelled)) > 1000
    assert time.process_time() - started < 10
