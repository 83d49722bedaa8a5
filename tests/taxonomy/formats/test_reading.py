"""read_taxonomy: files that are no text, no file or no taxonomy, and the detection of formats."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixture_types import Read, Refusal

import taxonomy
from taxonomy import TaxonomyError, canonical_json, read_taxonomy
from taxonomy.formats.reading import MAX_FILE_BYTES
from taxonomy.formats.registry import format_names

UNKNOWN = f"not a taxonomy in any known format ({', '.join(format_names())})"


@pytest.mark.parametrize(
    ("content", "byte"),
    [(b"A > B\n\x00\xff", 7), (b"A > B\n\x81", 6), (b"\x80", 0)],
)
def test_what_is_no_text_is_refused(refusal: Refusal, content: bytes, byte: int) -> None:
    """The message says where."""
    assert refusal(content) == f"not UTF-8 text (byte {byte})"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_text_in_any_encoding(read: Read, encoding: str) -> None:
    assert [node.name for node in read("A > Möbel\nA > Öl\n".encode(encoding))] == ["A", "Möbel", "Öl"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"nowhere\.txt: No such file or directory"):
        read_taxonomy(tmp_path / "nowhere.txt")


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="the taxonomy is empty"):
        read_taxonomy(tmp_path)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """Refused by its size, before it is read: the file is a hole."""
    with (tmp_path / "huge.txt").open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(TaxonomyError, match=f"larger than {MAX_FILE_BYTES} bytes"):
        read_taxonomy(tmp_path / "huge.txt")


@pytest.mark.parametrize(
    "content", ["", "\n\n", "just one line", "<html> > </html>", "[1, 2]", '{"nodes": []}', "# A > B"]
)
def test_a_file_of_no_known_format_is_refused(refusal: Refusal, content: str) -> None:
    assert refusal(content).startswith(UNKNOWN)


def test_an_unknown_format_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A > B")
    with pytest.raises(TaxonomyError, match="unknown format 'prose'; known: canonical-json, "):
        read_taxonomy(tmp_path / "a.txt", "prose")


def test_the_content_decides_and_not_the_name(read: Read) -> None:
    """All three formats from a file of one name."""
    lines = read("A > B\n")
    assert read("image,path\n1.jpg,A > B\n") == lines
    assert read(canonical_json(lines)) == lines


def test_importing_the_taxonomy_does_not_load_torch() -> None:
    """A fresh interpreter that imports all of it has neither torch nor timm."""
    program = (
        "import sys, taxonomy, taxonomy.metrics, taxonomy.formats.reading\n"
        "loaded = {'torch', 'timm', 'lightning', 'sqlalchemy', 'celery'} & sys.modules.keys()\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    path = str(Path(taxonomy.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
