"""Real taxonomy files, as their publishers give them."""

from pathlib import Path
from random import Random

import pytest

from taxonomy import Hierarchy, TaxonomyError, read_taxonomy, release
from taxonomy.formats.reading import write_taxonomy


@pytest.mark.parametrize(
    ("name", "nodes", "edges", "roots", "levels"),
    [
        ("google_product.txt", 5595, 5574, 21, 7),
        ("iab_content_2.2.tsv", 1196, 1159, 37, 4),
        ("iab_content_3.0.tsv", 703, 666, 37, 4),
        ("iab_content_3.1.tsv", 704, 667, 37, 4),
        ("openimages_bbox_hierarchy.json", 693, 692, 1, 6),
    ],
)
def test_they_hold_what_was_counted(
    taxonomies: Path, name: str, nodes: int, edges: int, roots: int, levels: int
) -> None:
    read = read_taxonomy(taxonomies / name)
    hierarchy = Hierarchy.compile(read)
    assert (len(read), len(hierarchy.edges), len(read.roots), hierarchy.depth) == (nodes, edges, roots, levels)


def test_every_google_path_is_found_again(taxonomies: Path) -> None:
    google = read_taxonomy(taxonomies / "google_product.txt")
    for node in google:
        assert google.find_path([step.name for step in google.path(node.id)]) == node


def test_open_images_entries_of_one_name_in_different_places_are_different_nodes(taxonomies: Path) -> None:
    """Without ids, 693 entries of 612 names are a tree."""
    read = read_taxonomy(taxonomies / "openimages_bbox_hierarchy.json")
    assert len(read) == 693
    assert len({node.name for node in read}) == 612
    assert all(len(node.parents) <= 1 for node in read)


def test_iab_twins_are_told_apart(taxonomies: Path) -> None:
    """2.2 lists Antarctica twice under one parent: both ids stay."""
    read = read_taxonomy(taxonomies / "iab_content_2.2.tsv")
    assert (read["1225"].name, read["1227"].name) == ("Antarctica", "Antarctica (1227)")
    assert read["1227"].aliases == ("Antarctica",)


@pytest.mark.parametrize("form", ["canonical-json", "csv", "skos-turtle"])
@pytest.mark.parametrize("name", ["iab_content_3.1.tsv", "openimages_bbox_hierarchy.json"])
def test_they_come_back_as_the_same_release(taxonomies: Path, tmp_path: Path, name: str, form: str) -> None:
    read = read_taxonomy(taxonomies / name)
    (tmp_path / "again").write_text(write_taxonomy(read, form), encoding="utf-8")
    assert release(read_taxonomy(tmp_path / "again")) == release(read)


@pytest.mark.parametrize(
    "name", ["google_product.txt", "iab_content_2.2.tsv", "iab_content_3.1.tsv", "openimages_bbox_hierarchy.json"]
)
def test_damaged_files_are_read_or_refused_in_one_line(taxonomies: Path, tmp_path: Path, name: str) -> None:
    """Cut off and with bits flipped, anywhere: a taxonomy, or one error that begins with the file."""
    content = (taxonomies / name).read_bytes()
    random = Random(name)
    path = tmp_path / name
    for _ in range(25):
        damaged = bytearray(content[: random.randrange(1, len(content))])
        for _ in range(random.randrange(4)):
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        path.write_bytes(bytes(damaged))
        message = outcome(path)
        assert message is None or message.startswith(str(path))
        assert "\n" not in (message or "")


def outcome(path: Path) -> str | None:
    """The refusal of a file, None where it is read."""
    try:
        read_taxonomy(path)
    except TaxonomyError as error:
        return str(error)
    return None
