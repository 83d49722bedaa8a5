"""`cladist hash-lists` as a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Cladist
from known_pictures import copy_of, hash_file, pdq_of_file, sha256_of_file, sharp_photographs
from PIL import Image

A, B = "a1" * 32, "b2" * 32


@pytest.fixture
def here(cladist: Cladist) -> Cladist:
    """A folder with a database."""
    cladist.ok("db", "upgrade")
    return cladist


def as_json(cladist: Cladist, *words: str) -> Any:
    (line,) = cladist.ok("hash-lists", *words, "--json")
    return json.loads(line)


def test_from_a_file_to_a_list_and_away(here: Cladist) -> None:
    """Import, add, list, delete: in JSON and for people."""
    (here.folder / "hashes.csv").write_text(f"hash,type\n{A},pdq\n{B},sha256\nx,md5\n")
    done = as_json(here, "import", "known", "hashes.csv", "--max-distance", "20", "--skip-model")
    assert done == {
        "name": "known", "version": 1, "entry_count": 2, "added": {"pdq": 1, "sha256": 1},
        "known": {"pdq": 0, "sha256": 0}, "passed_over": {"MD5": 1}}  # fmt: skip
    again = here.ok("hash-lists", "import", "known", "hashes.csv", "--run-model")
    assert again == ["known: 0 pdq, 0 sha256 added, 2 were there; 2 in all", "passed over: 1 of MD5"]
    assert here.ok("hash-lists", "import", "known", "hashes.csv", "--tenant", "shop", "--replace")
    first, second = (json.loads(line) for line in here.ok("hash-lists", "list", "--json"))
    del first["updated_at"]
    assert first == {
        "list": "known", "tenant": None, "entries": 2, "max_distance": 20, "skip_model": False,
        "version": 2}  # fmt: skip
    assert (second["tenant"], second["max_distance"], second["version"]) == ("shop", 31, 1)
    assert any("known" in line and "shop" in line for line in here.ok("hash-lists", "list"))
    assert as_json(here, "delete", "known") == {"deleted": "known", "entries": 2}
    assert here.ok("hash-lists", "delete", "known", "--tenant", "shop") == ["known deleted, with 2 entries"]
    assert here.ok("hash-lists", "list", "--json") == []


def test_bad_input_is_refused_in_one_line(here: Cladist) -> None:
    """With what and where, and nothing is imported."""
    (here.folder / "bad.csv").write_text(f"{A}\n{A}z\n\0\n")
    said = here.refused("hash-lists", "import", "known", "bad.csv")
    assert said.startswith("cladist: bad.csv: line 2: ")
    assert said.endswith("is no hash of 64 hexadecimal digits; 2 lines are broken, and nothing was imported")
    assert here.ok("hash-lists", "list", "--json") == []
    assert "no list for every tenant is named 'known'" in here.refused("hash-lists", "delete", "known")
    assert "no such file" in here.refused("hash-lists", "match", "none.jpg")
    assert "no tenant is named" in here.refused("hash-lists", "match", A, "--tenant", "nobody")
    here.refused("hash-lists", "import", "known", "bad.csv", "--max-distance", "64")


@pytest.mark.photographs
def test_which_lists_know_a_picture(here: Cladist, photographs: Path, tmp_path: Path) -> None:
    """At which distance, by the image or by its hash; a flat picture is known by its bytes only."""
    original, other = sharp_photographs(photographs, 2)
    copy = copy_of(original, tmp_path / "copy.jpg", scale=0.6)
    flat = tmp_path / "flat.png"
    Image.new("RGB", (64, 64), "red").save(flat)
    bits = pdq_of_file(original).bits
    here.ok("hash-lists", "import", "looks", str(hash_file(tmp_path, bits)))
    here.ok(
        "hash-lists", "import", "bytes", str(hash_file(tmp_path, sha256_of_file(flat), kind="sha256")), "--skip-model"
    )
    exact = as_json(here, "match", str(original))
    assert exact["lists"] == [{"list": "looks", "kind": "pdq", "distance": 0, "skip_model": False}]
    assert (exact["pdq"], exact["sha256"], exact["quality"]) == (bits, sha256_of_file(original), 100)
    (near,) = as_json(here, "match", str(copy))["lists"]
    assert 0 < near["distance"] <= 31
    assert as_json(here, "match", str(other))["lists"] == []
    assert as_json(here, "match", "0x" + bits.upper())["lists"] == exact["lists"]
    known = as_json(here, "match", str(flat))
    assert (known["quality"], known["lists"][0]["kind"]) == (0, "sha256")
    shown = here.ok("hash-lists", "match", str(flat))
    assert shown[0] == "PDQ quality 0 is below 50: known by SHA-256 only"
