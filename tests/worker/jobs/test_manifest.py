"""Manifests: what a line says, and that nothing of a bad one is submitted."""

import io
import sys
from pathlib import Path

import pytest
from job_rows import all_jobs

from worker.db.engine import Database
from worker.errors import SubmissionError
from worker.jobs.manifest import STANDARD_INPUT, read_requests
from worker.jobs.submission import Request, submit_batch


def test_a_manifest_names_assets_and_keys(tmp_path: Path) -> None:
    """`uri` or `image`, relative to the file, and `key` where it is not blank."""
    path = tmp_path / "manifest.csv"
    path.write_text("image,key,split\na.png,k,train\n/b.png,,test\n")
    assert list(read_requests(path)) == [
        Request((tmp_path / "a.png").as_uri(), "k", metadata={"split": "train"}),
        Request("file:///b.png", metadata={"split": "test"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.png\n", "line 1: expected a header"),
        (b"", "line 1: expected a header"),
        (b"uri\nhttp://me:pw@x/a.png\n", "line 2: .*credentials"),
        (b"key,uri\nk,a.png\nk\n", "line 3: no uri"),
        (b"uri\n\xff\xfe\n", "utf-8"),
        (b'uri\n"a.png\n', "unexpected end"),
    ],
)
def test_a_bad_manifest_names_the_line(tmp_path: Path, content: bytes, message: str) -> None:
    """One line, with the file."""
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    with pytest.raises(SubmissionError, match=message) as caught:
        list(read_requests(path))
    assert str(path) in str(caught.value)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(SubmissionError, match="No such file"):
        list(read_requests(tmp_path / "none.csv"))


def test_every_column_has_its_meaning(tmp_path: Path) -> None:
    """Name, key, tenant and queue are the job's; all others are metadata, where they are not blank."""
    path = tmp_path / "manifest.csv"
    path.write_text("uri,name,key,tenant,queue,channel,note\nhttp://x/a?sig=1,sku-1,k,shop,fast,web,\n/b,,,,,,\n")
    assert list(read_requests(path)) == [
        Request("http://x/a?sig=1", "k", "sku-1", "shop", "fast", {"channel": "web"}),
        Request("file:///b"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,k" + "k" * 3000, "line 4: the key 'kkk.*more than 2048"),
        ("http://x/" + "a" * 5000 + ",k", "line 4: .*longer than 4096 bytes"),
        ("file:///a?b,k", "line 4: .*%3F"),
        ("a.png,k,x", "line 4: more cells"),
    ],
)
@pytest.mark.usefixtures("bundle")
def test_nothing_is_submitted_of_a_manifest_with_one_bad_line(
    database: Database, tmp_path: Path, line: str, message: str
) -> None:
    """The lines before it add nothing either."""
    path = tmp_path / "manifest.csv"
    path.write_text(f"uri,key\na.png,1\nb.png,2\n{line}\n")
    with pytest.raises(SubmissionError, match=message):
        list(submit_batch(database, read_requests(path)))
    assert all_jobs(database) == []


@pytest.mark.usefixtures("bundle")
def test_the_same_manifest_again_adds_nothing(database: Database, tmp_path: Path) -> None:
    """With keys it gives back the jobs of then, and their batch."""
    path = tmp_path / "manifest.csv"
    path.write_text("uri,key\na.png,1\nb.png,2\n")
    first = list(submit_batch(database, read_requests(path)))
    assert list(submit_batch(database, read_requests(path))) == first
    assert len(all_jobs(database)) == 2


def test_standard_input_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept meanwhile; errors call it by its name."""

    def said(content: bytes) -> list[Request]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        return list(read_requests(STANDARD_INPUT))

    assert said(b"uri\nhttp://x/a\n") == [Request("http://x/a")]
    with pytest.raises(SubmissionError, match="standard input: line 2"):
        said(b"uri\ndata:x\n")
