"""docs/examples/numbered_format, installed by the entry point that its pyproject.toml has."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from entry_points import install

from taxonomy import TaxonomyError, read_taxonomy
from taxonomy.formats import registry
from taxonomy.formats.reading import write_taxonomy

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "numbered_format"
LIST = "1 Animal\n1.1 Bird\n1.1.1 Robin\n1.2 Fish\n2 Plant\n"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make its entry points known, as pip does, and forget them again."""
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]["cladist.formats"]
    install(tmp_path, monkeypatch, "cladist.formats", *(f"{name} = {value}" for name, value in declared.items()))
    monkeypatch.syspath_prepend(str(EXAMPLE))
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()


def test_it_is_found_by_content_and_by_name(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(LIST)
    for read in (read_taxonomy(file), read_taxonomy(file, "numbered")):
        assert [node.id for node in read.leaves] == ["1.1.1", "1.2", "2"]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(LIST)
    read = read_taxonomy(file)
    assert write_taxonomy(read, "numbered") == LIST


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("1 Animal\nBird\n")
    with pytest.raises(TaxonomyError, match="line 2"):
        read_taxonomy(file, "numbered")


def test_a_node_of_two_parents_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,name,parent\na,a,\nb,b,\nc,c,a|b\n")
    with pytest.raises(TaxonomyError, match="'c' has several parents"):
        write_taxonomy(read_taxonomy(file), "numbered")
