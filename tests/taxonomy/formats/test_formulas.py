"""CSV that people open in a spreadsheet: no cell of it is a formula, and Cladist reads back what it wrote."""

import csv
import re
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy import Node, Taxonomy, read_taxonomy, release
from taxonomy.formats.reading import write_taxonomy
from taxonomy.formats.registry import get_format
from taxonomy.formats.tables.formulas import guarded, unguarded

ACTING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
TEXTS = st.text(st.sampled_from("=+-@\t\r\n\uff1d'\" ,;|[a1"), min_size=1, max_size=6)
WORDS = TEXTS.map(lambda text: f"{text}z")  # never blank


@given(cell=TEXTS | st.text())
def test_any_cell_comes_back(cell: str) -> None:
    """Also one that begins with the guard itself; and nothing is guarded that need not be."""
    written = guarded(cell)
    assert unguarded(written) == cell
    assert not written.lstrip().startswith(ACTING)
    assert (written == cell) == (re.match(f"'*(?:[\t\r\n]|\\s*[{re.escape(''.join(ACTING))}])", cell) is None)


@pytest.mark.parametrize("cell", ["", "a=b", "3-4", "'quoted'", "it's", "a@b", "Käse"])
def test_what_is_no_formula_stays(cell: str) -> None:
    assert guarded(cell) == unguarded(cell) == cell


@st.composite
def hostile(draw: st.DrawFn) -> Taxonomy:
    """Formulas wherever a node has a text."""
    ids = draw(st.lists(WORDS.map(lambda text: " ".join(text.split())), min_size=1, max_size=5, unique=True))
    return Taxonomy(
        Node(
            node_id,
            f"{draw(WORDS)} {number}",
            tuple(draw(st.sets(st.sampled_from(ids[:number]), max_size=2))) if number else (),
            aliases=tuple(draw(st.lists(WORDS, max_size=2))),
            names={"de": draw(WORDS).strip()},
            description=draw(TEXTS),
            replaced_by=draw(st.sampled_from([None, *ids])),
            part_of=tuple(draw(st.sets(st.sampled_from(ids), max_size=2))),
        )
        for number, node_id in enumerate(ids)
    )


@given(taxonomy=hostile())
def test_no_cell_of_a_written_file_is_a_formula_and_the_release_stays(taxonomy: Taxonomy) -> None:
    text = write_taxonomy(taxonomy, "csv")
    cells = [cell for row in csv.reader(StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(ACTING)]
    assert release(get_format("csv").parse(text, "again")) == release(taxonomy)


def test_the_file_of_an_export_is_read_without_its_format(tmp_path: Path) -> None:
    """As a spreadsheet shows it, and as Cladist detects it."""
    cells = '=HYPERLINK("http://x")', "-1", "@SUM(A1)", "+49 30", "'=quoted", "plain"
    taxonomy = Taxonomy([Node("0", "root"), *(Node(cell, cell, ("0",)) for cell in cells)])
    (tmp_path / "t.csv").write_text(write_taxonomy(taxonomy, "csv"), encoding="utf-8")
    assert read_taxonomy(tmp_path / "t.csv") == taxonomy
