"""A bundle of one release answers in another, and a training begins with what survives of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from fixture_types import LabelsOf
from hypothesis import given
from hypothesis import strategies as st
from random_taxonomies import dags

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration
from classifier.bundles.info import BundleInfo
from classifier.config import TrainingConfig
from classifier.data.manifest import read_manifest
from classifier.errors import ReleaseMismatchError
from classifier.inference.predictor import Predictor
from classifier.networks.backbone import make_backbone
from classifier.networks.heads import HierarchicalNet, LevelHeads
from classifier.outputs.adapted import AdaptedOutput
from classifier.outputs.path_softmax import PathSoftmax
from classifier.training.train import evaluate_bundle, train_bundle
from classifier.training.warm_start import warm_start
from taxonomy import Hierarchy, Node, Taxonomy
from taxonomy.changes.diff import Difference, diff
from taxonomy.changes.mapping import NodeMapping


def logits_of(hierarchy: Hierarchy, seed: int = 0) -> torch.Tensor:
    width = len(hierarchy) + len(hierarchy.inner_terminals)
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (3, width)))


@st.composite
def changes(draw: st.DrawFn) -> Difference:
    """Two random DAGs that share ids, and a random mapping."""
    before, after = draw(dags(max_nodes=10)), draw(dags(max_nodes=10))
    targets = draw(
        st.dictionaries(
            st.sampled_from([node.id for node in before]),
            st.lists(st.sampled_from([node.id for node in after]), max_size=2, unique=True).map(tuple),
        )
    )
    return diff(before, after, NodeMapping(targets))


@given(changes())
def test_answers_in_another_release_are_coherent(difference: Difference) -> None:
    """Exactly; every node has the mass of the old terminals that are carried to it or below."""
    before = Hierarchy.compile(difference.before)
    if all(difference.carriers[before.node_ids[t]] is None for t in before.terminals):
        with pytest.raises(ReleaseMismatchError, match="is left in release"):
            AdaptedOutput(before, difference)
        return
    output = AdaptedOutput(before, difference)
    after, logits = output.hierarchy, logits_of(before)
    nodes, best = output.predict(logits)
    assert bool((nodes[:, after.edges[:, 1]] <= nodes[:, after.edges[:, 0]]).all())
    terminal = output.terminal_probs(logits)
    wanted = np.zeros((3, len(after)))
    for place, t in enumerate(before.terminals):
        carrier = difference.carriers[before.node_ids[t]]
        if carrier is not None:
            wanted[:, after.ancestors_or_self(after.index[carrier])] += terminal[:, [place]].numpy()
    np.testing.assert_allclose(nodes.numpy(), wanted.clip(0, 1), atol=1e-12)
    reached = {difference.carriers[before.node_ids[t]] for t in before.terminals}
    assert {after.node_ids[node] for node in best.tolist()} <= reached
    assert set(output.unreachable) == {after.node_ids[t] for t in after.terminals} - reached


@given(dags(max_nodes=10))
def test_the_same_release_gives_the_same_answers(taxonomy: Taxonomy) -> None:
    """Renames change names alone."""
    hierarchy = Hierarchy.compile(taxonomy)
    renamed = Taxonomy(Node(n.id, f"new {n.name}", n.parents, assignable=n.assignable) for n in taxonomy)
    logits = logits_of(hierarchy)
    ours, theirs = (
        AdaptedOutput(hierarchy, diff(taxonomy, renamed)).predict(logits),
        PathSoftmax(hierarchy).predict(logits),
    )
    np.testing.assert_allclose(ours.nodes.numpy(), theirs.nodes.numpy(), atol=1e-12)


def changed(taxonomy: Taxonomy) -> tuple[Taxonomy, NodeMapping]:
    """Of the painted colours: Warm renamed, Cold's leaves merged, Red moved under Cold, Orange split."""
    nodes = [
        Node("Warm", "Hot"), Node("Cold", "Cold"), Node("bluegreen", "Bluegreen", ("Cold",)),
        Node("Warm > Red", "Red", ("Cold",)),
        Node("light", "Light orange", ("Warm",)), Node("dark", "Dark orange", ("Warm",)),
    ]  # fmt: skip
    targets = {"Cold > Blue": ("bluegreen",), "Cold > Green": ("bluegreen",), "Warm > Orange": ("light", "dark")}
    assert {node.id for node in taxonomy} == {
        "Warm",
        "Cold",
        "Warm > Red",
        "Warm > Orange",
        "Cold > Blue",
        "Cold > Green",
    }
    return Taxonomy(nodes), NodeMapping(targets)


def relabelled(folder: Path) -> Path:
    """The labels of the painted images in the changed taxonomy, by node; one half of the oranges is light."""
    nodes = {"Red": "Warm > Red", "Blue": "bluegreen", "Green": "bluegreen"}
    rows = ["image,node,split"]
    for line in (folder / "labels.csv").read_text().splitlines()[1:]:
        image, path, split = line.split(",")
        leaf = path.split(" > ")[1]
        number = int(image.removesuffix(".png").rsplit("-", 1)[1])
        rows.append(f"{image},{nodes.get(leaf) or ('light' if number % 2 else 'dark')},{split}")
    (folder / "new.csv").write_text("\n".join(rows) + "\n")
    return folder / "new.csv"


def test_a_bundle_is_measured_and_asked_in_another_release(trained: Bundle, painted: Path) -> None:
    """What merged and moved is right; what was split stops at its parent; what it cannot answer is named."""
    after, mapping = changed(trained.taxonomy)
    difference = diff(trained.taxonomy, after, mapping)
    manifest = read_manifest(relabelled(painted), after)
    metrics = evaluate_bundle(trained, manifest.split("test"), difference=difference)
    assert metrics.levels[0].top1 > 0.7
    assert metrics.incoherent_fraction == 0
    predictor = Predictor(trained, difference=difference)
    assert set(predictor.unreachable) == {"light", "dark"}
    image = painted / "test-Orange-0.png"
    (prediction,) = predictor.predict(["x"], predictor.pixels(image.read_bytes(), "x")[None])
    assert prediction.release == Hierarchy.compile(after).release
    assert prediction.model == trained.model
    assert [label.name for label in prediction.levels][:1] == ["Hot"]


@given(changes())
def test_a_warm_start_keeps_the_theta_of_what_survives(difference: Difference) -> None:
    """Unmerged, unsplit nodes have in the new release the theta that they had in the old, wherever they moved."""
    before, after = Hierarchy.compile(difference.before), Hierarchy.compile(difference.after)
    torch.manual_seed(0)
    old, new = (HierarchicalNet(torch.nn.Identity(), LevelHeads(4, hierarchy)) for hierarchy in (before, after))
    warm_start(new, after, remembered(difference.before, before, old), difference)
    features = torch.randn(2, 4)
    with torch.no_grad():
        thetas = [
            dict(
                zip(h.node_ids, (h.lineage.astype(float) @ net(features)[:, : len(h)].double().numpy().T), strict=True)
            )
            for h, net in ((before, old), (after, new))
        ]
    sources = [change.new[0] for change in difference.changes if change.old and len(change.new) == 1]
    parts = [new for change in difference.changes if change.old and len(change.new) > 1 for new in change.new]
    for change in difference.changes:
        if change.old is None or len(change.new) != 1 or sources.count(change.new[0]) > 1 or change.new[0] in parts:
            continue
        if before.is_terminal[before.index[change.old]]:
            continue  # its "exactly this" theta counts where it is a leaf now
        np.testing.assert_allclose(thetas[1][change.new[0]], thetas[0][change.old], atol=1e-4)


@dataclass(frozen=True, eq=False)
class RememberedBundle(Bundle):
    """A bundle that lies on no disk: its network is given back as it is."""

    net: HierarchicalNet

    def load_net(self) -> HierarchicalNet:
        return self.net


def remembered(taxonomy: Taxonomy, hierarchy: Hierarchy, net: HierarchicalNet) -> Bundle:
    info = BundleInfo(
        backbone="none", image_size_px=32, mean=(0, 0, 0), std=(1, 1, 1), release=hierarchy.release,
        training=TrainingConfig(), libraries={},
    )  # fmt: skip
    return RememberedBundle(Path("nowhere"), info, taxonomy, hierarchy, Calibration(), "0", net)


def test_a_warm_start_answers_as_before_before_any_training(trained: Bundle) -> None:
    """On the same taxonomy, and on one in which nodes were renamed and moved, terminal for terminal."""
    moved = Taxonomy(
        Node(n.id, f"{n.name}!", ("Cold",) if n.id == "Warm > Red" else n.parents) for n in trained.taxonomy
    )
    after = Hierarchy.compile(moved)
    features = make_backbone("test_resnet")
    net = HierarchicalNet(features.network, LevelHeads(features.feature_count, after))
    warm_start(net, after, trained, diff(trained.taxonomy, moved))
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        old = PathSoftmax(trained.hierarchy).terminal_probs(trained.load_net()(images))
        new = PathSoftmax(after).terminal_probs(net.eval()(images))
    order = [
        list(after.terminals).index(after.index[trained.hierarchy.node_ids[t]]) for t in trained.hierarchy.terminals
    ]
    np.testing.assert_allclose(new[:, order].numpy(), old.numpy(), atol=1e-5)


def test_training_from_a_bundle(trained: Bundle, painted: Path, labels_of: LabelsOf, quick: TrainingConfig) -> None:
    """One epoch from a trained bundle is better than one from scratch; the new bundle says what it began with."""
    manifest, taxonomy = labels_of(painted)
    config = quick.changed({"epochs": 1, "warm_start": trained.model, "learning_rate": 1e-3})
    start = (trained, diff(trained.taxonomy, taxonomy))
    warm = train_bundle(manifest, taxonomy, painted / "warm", config, start=start)
    cold = train_bundle(manifest, taxonomy, painted / "cold", config.changed({"warm_start": ""}))
    test = manifest.split("test")
    right = [evaluate_bundle(bundle, test).full_path_accuracy for bundle in (warm, cold)]
    assert right[0] > right[1]
    assert warm.info.training.warm_start == trained.model
