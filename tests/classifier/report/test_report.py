"""The report as a page: whole, alone, safe against its own names, and of bounded size."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixture_types import LabelsOf
from PIL import Image

from classifier.bundles.bundle import Bundle
from classifier.bundles.calibration import Calibration
from classifier.data.manifest import Manifest, Sample
from classifier.errors import ManifestError, ReleaseMismatchError, ReportError
from classifier.evaluation.climbs import Climbs, collect_climbs
from classifier.evaluation.metrics import evaluate
from classifier.report import Evaluated, evaluate_with_report, write_report
from classifier.report.page import Subject
from classifier.training.train import evaluate_bundle
from taxonomy import Hierarchy, Node, Taxonomy

SECTIONS = {"levels", "operating", "coverage", "confusion", "reliability", "worst", "mistakes", "imbalance"}
PICTURES = {"operating_curve.png", "coverage.png", "reliability.png", "imbalance.png", "mistakes.png"}
VOID = {"meta", "img", "link", "br", "hr"}
SUBJECT = Subject("net@1", "bundle", "0" * 64, "labels.csv", "test")


class Page(HTMLParser):
    """A page as read by a strict reader: every tag closed in order; what it holds by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.add(value or "")
            if name in ("href", "src", "srcset", "data", "action"):
                self.addresses.append(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def read_page(path: Path) -> tuple[str, Page]:
    """The text and the parsed page, which must load nothing and run nothing."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.ids >= SECTIONS
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not re.search(r"url\(|@import", text)
    return text, page


def evaluated(climbs: Climbs, samples: Sequence[Sample], **more: Any) -> Evaluated:
    metrics = evaluate(climbs, Calibration(threshold=0.6, target_accuracy=0.9))
    return Evaluated(SUBJECT, samples, climbs, metrics, **more)


def samples_of(hierarchy: Hierarchy, truth: Sequence[int], image: Path) -> list[Sample]:
    return [Sample(image, (hierarchy.node_ids[node],), "test", 1.0, 2 + row) for row, node in enumerate(truth)]


def random_climbs(hierarchy: Hierarchy, count: int) -> tuple[Climbs, list[int]]:
    """Coherent random predictions of terminals, a quarter of them right."""
    random = np.random.default_rng(5)
    truth = random.choice(hierarchy.terminals, count)
    guess = np.where(random.uniform(size=count) < 0.25, truth, random.choice(hierarchy.terminals, count))
    mass = random.dirichlet(np.full(len(hierarchy.terminals), 0.05), count)
    mass[np.arange(count), np.searchsorted(hierarchy.terminals, guess)] += 1
    rows = np.asarray((hierarchy.incidence.T @ (mass / 2).T).T)
    return collect_climbs([(rows, guess, truth)], hierarchy), truth.tolist()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A red image of 320 x 200."""
    Image.new("RGB", (320, 200), (200, 30, 30)).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def test_the_report_of_a_trained_bundle(painted: Path, trained: Bundle, labels_of: LabelsOf, tmp_path: Path) -> None:
    """Its metrics are those of the evaluation; the page and every picture lie in the folder, nothing else."""
    manifest, _ = labels_of(painted)
    metrics = evaluate_with_report(tmp_path / "out" / "report", trained, manifest, "test", trained)
    assert metrics == evaluate_bundle(trained, manifest.split("test"))
    names = {path.name for path in (tmp_path / "out" / "report").iterdir()}
    assert names <= PICTURES | {"report.html"}
    assert names >= {"report.html", "operating_curve.png", "coverage.png", "reliability.png", "imbalance.png"}
    for name in names - {"report.html"}:
        with Image.open(tmp_path / "out" / "report" / name) as picture:
            assert picture.format == "PNG"
    text, _ = read_page(tmp_path / "out" / "report" / "report.html")
    assert f"{100 * metrics.full_path_accuracy:.1f}\N{NO-BREAK SPACE}%" in text
    assert "flat baseline" in text
    assert f"bundle bundle ({trained.model})" in text


def test_names_are_shown_and_never_obeyed(image: Path, tmp_path: Path) -> None:
    """Markup, mathematical text, template marks, other scripts and addresses in names stay text."""
    hostile = ["<script>alert(1)</script>", "{{ 7 * 7 }}", "$x_1^$", "_hidden", "\u7d05\u3044 \u202e dis",
               '"><img src=https://example.org/x onerror=x>']  # fmt: skip
    leaves = [Node(f"n{number}", name, ("<b>top</b>",)) for number, name in enumerate(hostile)]
    hierarchy = Hierarchy.compile(Taxonomy([Node("<b>top</b>", "<b>top</b>"), *leaves]))
    climbs, truth = random_climbs(hierarchy, 80)
    hostile_image = image.rename(tmp_path / "<i>&.png")
    page = write_report(
        tmp_path / "r", evaluated(climbs, samples_of(hierarchy, truth, hostile_image)), ("_x$y$", climbs)
    )
    text, _ = read_page(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7 * 7 }}" in text
    assert "<i>&" not in text
    assert "<b>top" not in text


def test_no_mistakes(tree: Hierarchy, image: Path, tmp_path: Path) -> None:
    """A perfect model has a page without a contact sheet that says so."""
    truth = [2, 3, 4, 5]
    rows = np.zeros((4, 6))
    for row, (root, leaf) in enumerate(zip([0, 0, 1, 1], truth, strict=True)):
        rows[row, [root, leaf]] = 1.0
    climbs = collect_climbs([(rows, np.array(truth), np.array(truth))], tree)
    page = write_report(tmp_path / "r", evaluated(climbs, samples_of(tree, truth, image)))
    text, _ = read_page(page)
    assert "no image has a wrong node on its path" in text
    assert "no path took a wrong turn" in text
    assert not (tmp_path / "r" / "mistakes.png").exists()


def test_a_single_image_labelled_at_a_root(tree: Hierarchy, image: Path, tmp_path: Path) -> None:
    """Half-labelled alone: no operating curve, and the page says why."""
    climbs = collect_climbs([(np.array([[0.2, 0.8, 0.1, 0.1, 0.6, 0.2]]), np.array([4]), np.array([0]))], tree)
    page = write_report(tmp_path / "r", evaluated(climbs, samples_of(tree, [0], image)))
    text, _ = read_page(page)
    assert "No image is labelled at a terminal" in text
    assert "1 images are labelled at an inner node" in text
    assert not (tmp_path / "r" / "operating_curve.png").exists()


def test_a_dag_with_an_inner_terminal(dag: Hierarchy, image: Path, tmp_path: Path) -> None:
    """Shared nodes and answers that stop short have their rows."""
    climbs, truth = random_climbs(dag, 60)
    page = write_report(tmp_path / "r", evaluated(climbs, samples_of(dag, truth, image), train_labels=dag.terminals))
    text, _ = read_page(page)
    assert "(stays here)" in text


def test_an_image_that_has_gone(tree: Hierarchy, tmp_path: Path) -> None:
    """The sheet has its words without its picture."""
    climbs, truth = random_climbs(tree, 20)
    page = write_report(tmp_path / "r", evaluated(climbs, samples_of(tree, truth, tmp_path / "gone.png")))
    assert "no longer readable" in read_page(page)[0]


def test_a_large_taxonomy_makes_no_larger_page(image: Path, tmp_path: Path) -> None:
    """Of 5,111 nodes in six levels the page shows the worst: tables are bounded, and so is the page."""
    nodes = [Node("r", "root")]
    for width, above in ((10, 1), (100, 10), (1000, 100), (2000, 1000), (2000, 2000)):
        level = len(nodes)
        nodes += [
            Node(f"{width}-{above}-{i}", f"name {i}", (nodes[level - above + i % above].id,)) for i in range(width)
        ]
    hierarchy = Hierarchy.compile(Taxonomy(nodes))
    climbs, truth = random_climbs(hierarchy, 1500)
    train = np.repeat(hierarchy.terminals, 3)
    found = evaluated(climbs, samples_of(hierarchy, truth, image), train_labels=train)
    text, page = read_page(write_report(tmp_path / "r", found))
    assert len(hierarchy) == 5111
    assert len(text) < 2_000_000
    assert page.tags.count("tr") < 250


def test_a_report_replaces_the_one_before(tree: Hierarchy, image: Path, tmp_path: Path) -> None:
    """Written twice, the page is the same to the byte."""
    climbs, truth = random_climbs(tree, 20)
    found = evaluated(climbs, samples_of(tree, truth, image))
    first = write_report(tmp_path / "r", found).read_bytes()
    assert write_report(tmp_path / "r", found).read_bytes() == first


def test_a_folder_that_cannot_be_one(tree: Hierarchy, image: Path) -> None:
    """A file in the way is named."""
    climbs, truth = random_climbs(tree, 20)
    with pytest.raises(ReportError, match=r"image\.png: File exists"):
        write_report(image, evaluated(climbs, samples_of(tree, truth, image)))


def test_an_empty_split_is_refused(painted: Path, trained: Bundle, labels_of: LabelsOf, tmp_path: Path) -> None:
    """Before anything is written."""
    manifest, _ = labels_of(painted)
    only_train = Manifest(manifest.source, manifest.split("train"))
    with pytest.raises(ManifestError, match="the split 'test' has no samples"):
        evaluate_with_report(tmp_path / "r", trained, only_train, "test")
    assert not (tmp_path / "r").exists()


def test_a_bundle_of_another_release_is_not_drawn_beside(
    painted: Path,
    trained: Bundle,
    labels_of: LabelsOf,
    tmp_path: Path,
    tree: Hierarchy,
) -> None:
    """Information kept means nothing across taxonomies."""
    manifest, taxonomy = labels_of(painted)
    info = trained.info.model_copy(update={"release": tree.release})
    other = Bundle(tmp_path / "other", info, taxonomy, tree, trained.calibration, "0")
    with pytest.raises(ReleaseMismatchError, match="other: trained on taxonomy release"):
        evaluate_with_report(tmp_path / "r", trained, manifest, "test", other)


@pytest.mark.parametrize("limit_bytes", [10_000, 150_000])
def test_a_full_disk_is_one_line_and_leaves_no_torn_file(
    tree: Hierarchy, tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]], limit_bytes: int
) -> None:
    """Stopped at the first picture, or at the page: the file is named, and what was cut off is gone."""
    climbs, truth = random_climbs(tree, 40)
    found = evaluated(climbs, samples_of(tree, truth, tmp_path / "none.png"))
    with full_disk(limit_bytes), pytest.raises(ReportError) as caught:
        write_report(tmp_path / "r", found)
    assert re.fullmatch(rf"{tmp_path}/r/[a-z_]+\.(png|html): File too large", str(caught.value))
    left = {path.name for path in (tmp_path / "r").iterdir()}
    assert left <= PICTURES
    assert bool(left) == (limit_bytes > 100_000)
