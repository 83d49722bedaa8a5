"""The catalogue of figures: the same pictures by seed, every leaf in every split, a ragged taxonomy to read back."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from classifier.data.manifest import read_manifest
from classifier.images.decode import decode, read_image_file
from taxonomy import PATH_SEPARATOR, read_taxonomy
from worker.cli.demo.figures import CATALOGUE, draw_figure, render_catalogue

PER_LEAF = {"train": 2, "val": 1, "test": 1}
SIZE_PX = 48


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels.csv of a small catalogue."""
    return render_catalogue(tmp_path_factory.mktemp("figures"), per_leaf=PER_LEAF, seed=7, size_px=SIZE_PX)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, by its relative path."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_seed_gives_the_same_bytes(labels: Path, tmp_path: Path) -> None:
    again = render_catalogue(tmp_path, per_leaf=PER_LEAF, seed=7, size_px=SIZE_PX)
    assert contents(again.parent) == contents(labels.parent)


def test_another_seed_gives_other_pictures(labels: Path, tmp_path: Path) -> None:
    other = contents(render_catalogue(tmp_path, per_leaf=PER_LEAF, seed=8, size_px=SIZE_PX).parent)
    first = contents(labels.parent)
    assert other.keys() == first.keys()
    assert {name for name in first if first[name] == other[name]} == {"labels.csv"}


def test_a_picture_does_not_depend_on_what_else_is_drawn(labels: Path, tmp_path: Path) -> None:
    """Fewer pictures, in another order of splits: those that both have are the same."""
    few = contents(render_catalogue(tmp_path, per_leaf={"test": 1, "train": 1}, seed=7, size_px=SIZE_PX).parent)
    all_of_them = contents(labels.parent)
    assert all(all_of_them[name] == few[name] for name in few if name != "labels.csv")


def test_no_two_pictures_are_alike(labels: Path) -> None:
    """So no test image is one that the model has seen."""
    pictures = contents(labels.parent)
    assert len(set(pictures.values())) == len(pictures) == 4 * len(CATALOGUE) + 1


def test_every_leaf_has_its_images_in_every_split(labels: Path) -> None:
    samples = read_manifest(labels, read_taxonomy(labels)).samples
    counted = Counter((sample.node_id, sample.split) for sample in samples)
    assert counted == {(path, split): count for path in CATALOGUE for split, count in PER_LEAF.items()}


def test_the_labels_are_a_ragged_taxonomy_of_three_levels(labels: Path) -> None:
    taxonomy = read_taxonomy(labels)
    assert {node.id for node in taxonomy.leaves} == set(CATALOGUE)
    assert {taxonomy.levels[leaf.id] for leaf in taxonomy.leaves} == {2, 3}
    assert [root.name for root in taxonomy.roots] == ["curve", "polygon", "solid"]


def test_every_image_decodes(labels: Path) -> None:
    for sample in read_manifest(labels, read_taxonomy(labels)).samples:
        image = decode(read_image_file(sample.image), str(sample.image))
        assert image.size == (SIZE_PX, SIZE_PX)


def test_an_image_lies_in_the_folder_of_its_path(labels: Path) -> None:
    for sample in read_manifest(labels, read_taxonomy(labels)).samples:
        assert sample.image.parent == labels.parent.joinpath("images", *sample.node_id.split(PATH_SEPARATOR))


def test_progress_is_told_of_every_picture(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    render_catalogue(
        tmp_path, per_leaf={"train": 2}, size_px=SIZE_PX, progress=lambda *event: told.append((event[0], *event[1:3]))
    )
    assert told == [("draw", done, 2 * len(CATALOGUE)) for done in range(1, 2 * len(CATALOGUE) + 1)]


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
@pytest.mark.parametrize("path", CATALOGUE)
def test_a_figure_stands_out_from_its_paper(path: str, difficulty: float) -> None:
    """At either end of the difficulty the picture is far from flat."""
    image = draw_figure(path, np.random.default_rng(3), SIZE_PX, difficulty)
    assert image.size == (SIZE_PX, SIZE_PX)
    assert np.asarray(image.convert("L")).std() > 5
