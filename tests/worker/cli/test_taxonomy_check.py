"""`cladist taxonomy check`: the doubts of reading are in its JSON, and on standard error for people."""

import json
from pathlib import Path

import pytest
from command_line import Cladist

DOUBTS = {
    "latin1": (b"A > M\xf6bel\nA > Tisch\n", "not UTF-8 text (byte 5): read as Windows-1252 (Latin-1)"),
    "reversed": (b"".join(b"leaf %d,Group\n" % number for number in range(30)), "read as child, parent: "),
    "flat": (b"names:\n  0: apple\n  1: pear\n", "a list of 2 classes, without a hierarchy"),
    "implied": (b"child,parent\nApple,Fruit\n", "parents without an entry of their own became roots: 'Fruit'"),
    "looks": ("A > pay\nA > p\u0430y\n".encode(), "siblings whose names look the same: "),
    "two readings": (b"names:\n  0: apple\n  1: pear\n", "read as yaml, 2 nodes and 0 edges; as outline it would be "),
}


@pytest.mark.parametrize("kind", DOUBTS)
def test_what_was_guessed_is_told(tmp_path: Path, kind: str) -> None:
    content, warning = DOUBTS[kind]
    (tmp_path / "taxonomy").write_bytes(content)
    cladist = Cladist(tmp_path)
    (line,) = cladist.ok("taxonomy", "check", "taxonomy", "--json")
    told = json.loads(line)["warnings"]
    assert any(each.startswith(warning) for each in told)
    assert [
        each for each in cladist("taxonomy", "check", "taxonomy").stderr.splitlines() if each.startswith("warning: ")
    ] == [f"warning: {each}" for each in told]


def test_a_sound_file_has_no_warning(tmp_path: Path) -> None:
    (tmp_path / "taxonomy").write_text("id,name,parent\n1,A,\n2,B,1\n")
    found = json.loads(Cladist(tmp_path).ok("taxonomy", "check", "taxonomy", "--json")[0])
    assert (found["format"], found["nodes"], found["edges"], found["warnings"]) == ("csv", 2, 1, [])
