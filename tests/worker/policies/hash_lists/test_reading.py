"""Files of hashes: what is read of them, and how they are refused."""

import json
import tracemalloc
from pathlib import Path

import pytest

from worker.errors import HashListError
from worker.policies.hash_lists.entries import Hashes
from worker.policies.hash_lists.reading import read_hashes

A, B, C = "a1" * 32, "b2" * 32, "c3" * 32
MD5 = "d4" * 16


def read(folder: Path, content: str | bytes) -> Hashes:
    path = folder / "hashes"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_hashes(path)


def found(folder: Path, content: str | bytes) -> tuple[list[str], list[str]]:
    """(PDQ, SHA-256) hashes."""
    rows = read(folder, content).rows
    pdq, sha256 = ([row.tobytes().hex() for row in rows[kind]] for kind in ("pdq", "sha256"))
    return pdq, sha256


def refusal(folder: Path, content: str | bytes) -> str:
    """What is said, in one line, without the file's name before it."""
    with pytest.raises(HashListError) as error:
        read(folder, content)
    said = str(error.value)
    assert "\n" not in said
    place = f"{folder / 'hashes'}: "
    assert said.startswith(place)
    return said.removeprefix(place)


@pytest.mark.parametrize(
    "content",
    [
        f"hash,type\n{A},pdq\n{B},sha256\n",
        f"Hash;Kind\r\n0x{A.upper()};PDQ\r\n {B} ;SHA-256\r\n\r\n",
        f"\ufeffnote\tINDICATOR\tType\nx\t{A}\tHASH_PDQ\ny\t{B}\tHASH_SHA256",
        f"pdq,sha256\n{A},\n,{B}\n",
        f"PDQ Hash,SHA-256\n{A},{B}\n{A},{B}\n",
        f'note,value,signal_type\n"two\nlines, quoted",{A},pdq\n# a comment\nx,{B},sha256\n',
        json.dumps({"data": [{"type": "HASH_PDQ", "indicator": A}, {"type": "HASH_SHA256", "indicator": B}]}),
        json.dumps({"paging": {"next": [1, {}]}, "data": [{"pdq": A, "sha256": B}], "count": 12}, indent=2),
        json.dumps([{"type": "pdq", "hash": A}, {"Type": "sha256", "Hash": B}]),
        "\n" + json.dumps({"type": "pdq", "hash": A}) + "\n\n" + json.dumps({"type": "sha256", "hash": B}),
        json.dumps({"data": [{"type": "pdq", "hash": A}]}) + json.dumps({"data": [{"type": "sha256", "hash": B}]}),
        json.dumps({"data": [{"type": "HASH_PDQ", "raw_indicator": A}, {"sha256": {"indicator": B}}]}),
    ],
)
def test_each_form_of_file_is_read(tmp_path: Path, content: str) -> None:
    """The same two hashes, with names in any case, blanks, 0x, a BOM, doubles, and other things around them."""
    assert found(tmp_path, content) == ([A], [B])


@pytest.mark.parametrize(
    "content", [f"{B}\n{A}\n", f"# mine\nhash\n{A}\n{B}\n{A}\n", f"hash,type\n{A},\n{B},\n", json.dumps([A, B])]
)
def test_a_hash_of_no_kind_counts_as_each(tmp_path: Path, content: str) -> None:
    """A digest is near no PDQ hash, and the other way about."""
    assert found(tmp_path, content) == ([A, B], [A, B])


def test_other_kinds_are_counted_and_passed_over(tmp_path: Path) -> None:
    """By name, whatever their hashes look like."""
    lines = [f"{MD5},HASH_MD5", "x,HASH_TMK", f"{A},pdq", f"{MD5},md5"]
    hashes = read(tmp_path, "hash,type\n" + "\n".join(lines))
    assert dict(hashes.passed_over) == {"MD5": 2, "TMK": 1}
    assert refusal(tmp_path, f"hash,type\n{MD5},md5\n") == "no hash of PDQ or SHA-256 in it, only 1 of MD5"
    many = read(tmp_path, "hash,type\n" + f"{A},pdq\n" + "".join(f"x,kind-{n}\n" for n in range(5000)))
    assert len(many.passed_over) == 21
    assert sum(many.passed_over.values()) == 5000


BROKEN = "is no hash of 64 hexadecimal digits; 1 line is broken, and nothing was imported"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no hash of PDQ or SHA-256 in it"),
        ("hash\n", "no hash of PDQ or SHA-256 in it"),
        (f"{A}\n{MD5}\n", f"line 2: {MD5!r} {BROKEN}"),
        (f"{A}\n{'g' * 64}\n", f"line 2: {'g' * 40!r} {BROKEN}"),
        (f"{A}\n{A[:62]} 1\n", f"line 2: {A[:40]!r} {BROKEN}"),
        (f"{A}\n{A[:-1]}\0\n", f"line 2: {A[:40]!r} {BROKEN}"),
        (f"{A}\n{A[:-1]}\u0661\n", f"line 2: {A[:40]!r} {BROKEN}"),
        (b"\xff\xfe" + A.encode("utf-16-le"), "line 1: "),
        (
            f"hash,type\n{A},pdq\nx,pdq\n\ny,pdq\n",
            "line 3: 'x' is no hash of 64 hexadecimal digits; 2 lines are broken",
        ),
        (f"type,hash\npdq\npdq,{A}\n", f"line 2: '' {BROKEN}"),
        (f"pdq,sha256\n{A},{B}\n,\nx\n", "line 4: 'x' is no hash"),
        ("pdq,sha256,note\n,,x\n", "line 2: a row without a hash; 1 line is broken"),
        (f"{A},pdq\n", "line 1: no column is named hash, pdq or sha256"),
        (f"md5,note\n{MD5},x\n", "line 1: no column is named hash, pdq or sha256"),
        ("hash,type\n" + "0" * 64 + ",pdq\n", "line 2: a PDQ hash of equal bits is that of every flat picture"),
        ("pdq\n" + "F" * 64, "line 2: a PDQ hash of equal bits is that of every flat picture"),
        (f'hash,note\n{A},"open\n' + "x\n" * 200_000, "line 65536: field larger than field limit"),
        ("{", "line 1: no JSON: Expecting value; nothing was imported"),
        ("[", "line 1: no JSON: Expecting value; nothing was imported"),
        ('{"a": 1}\n[', "line 1: an entry without a hash; 2 lines are broken"),
        ('{\n"a": 1}', "line 1: an object without an array `data`; nothing was imported"),
        ('{"data": [1, null]}', "line 1: an entry that is neither an object nor a text; 2 lines are broken"),
        ('[\n{"hash": "x"},\n{"hash": 12}]', "line 2: 'x' is no hash of 64 hexadecimal digits; 2 lines are broken"),
        (f'["{A}"\n"{B}"]', "line 2: no JSON: ',' is missing before '\"'; nothing was imported"),
        (f'["{A}"', "line 1: no JSON: it ends where ',' is missing; nothing was imported"),
        (f'["{A}"] x', "line 1: no JSON: neither an array nor an object"),
        ("[" * 100_000, "line 1: no JSON: nested too deeply; nothing was imported"),
        ('{"data": ' + "[" * 100_000, "line 1: no JSON: nested too deeply; nothing was imported"),
        ('{"hash": "' + A + '"}\n' + '{"a":' * 100_000, "line 2: no JSON: "),
        ('[{"hash": "' + "x" * 2**21, "line 1: no JSON: no whole entry within 1048576 characters"),
        ("[" + "9" * 10_000 + "]", "line 1: no JSON: "),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    """With the first line that is broken, and how many are."""
    assert refusal(tmp_path, content).startswith(said)


@pytest.mark.parametrize("start", [b"", b"hash,type\n", b"[", b'{"hash": "' + A.encode() + b'"}\n{"'])
def test_a_line_of_a_gigabyte_is_refused_in_little_memory(tmp_path: Path, start: bytes) -> None:
    """It is passed over piece by piece."""
    path = tmp_path / "hashes"
    with path.open("wb") as stream:
        stream.write(start)
        stream.truncate(2**30)
    tracemalloc.start()
    try:
        with pytest.raises(HashListError, match=r"line [12]: .*nothing was imported"):
            read_hashes(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_lines_behind_one_that_is_too_long_keep_their_numbers(tmp_path: Path) -> None:
    """And are counted where they are broken too."""
    said = refusal(tmp_path, f"{A}\n{'x' * 3 * 2**20}\n{B}\nbad\n")
    assert said == "line 2: a line of 1048576 bytes or more; 2 lines are broken, and nothing was imported"


def test_pieces_of_a_large_document_are_put_together(tmp_path: Path) -> None:
    """Entries lie across the pieces in which it is read; the line of a broken one is still right."""
    entries = [{"type": "HASH_PDQ", "indicator": f"{n:064x}", "note": "\n" * (n % 7)} for n in range(1, 20_001)]
    content = json.dumps({"data": entries}, indent=1)
    assert len(read(tmp_path, content).rows["pdq"]) == 20_000
    number = content[: content.index(f"{15_000:064x}")].count("\n")
    broken = content.replace(f"{15_000:064x}", "oops")
    said = refusal(tmp_path, broken)
    assert said.startswith(f"line {number - 1}: 'oops' is no hash")  # the entry begins two lines above


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Or is a folder: what the system says of it."""
    with pytest.raises(HashListError, match="none: No such file or directory"):
        read_hashes(tmp_path / "none")
    with pytest.raises(HashListError, match="Is a directory"):
        read_hashes(tmp_path)
