"""The file of events: whole lines only, whatever happens to the file or to this process."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fixture_types import FullDisk

from worker.errors import SinkError
from worker.sinks.json_lines import JsonLines
from worker.sinks.protocol import Delivery
from worker.states import EventKind


def events(*ids: int, **more: Any) -> list[Delivery]:
    return [Delivery(number, EventKind.JOB_SUCCEEDED, {"id": number, **more}) for number in ids]


def ids(path: Path) -> list[int]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_one_line_is_one_object(path: Path) -> None:
    """Appended in order; line ends and other languages inside of an event stay inside of its line."""
    sink = JsonLines(str(path))
    sink.deliver(events(1, 2, text="one\ntwo\u2028 \N{SNOWMAN} \x00"))
    sink.deliver(events(3))
    assert ids(path) == [1, 2, 3]
    assert json.loads(path.read_text().splitlines()[0])["text"] == "one\ntwo\u2028 \N{SNOWMAN} \x00"
    assert sink.name == f"jsonl:{path}"
    assert path.stat().st_mode & 0o777 & ~0o640 == 0


def test_a_rotated_file_is_begun_anew(path: Path) -> None:
    """Renamed, removed, or copied and truncated."""
    sink = JsonLines(str(path))
    sink.deliver(events(1))
    path.rename(path.with_suffix(".1"))
    sink.deliver(events(2))
    assert ids(path) == [2]
    path.unlink()
    sink.deliver(events(3))
    os.truncate(path, 0)
    sink.deliver(events(4))
    assert ids(path) == [4]
    assert ids(path.with_suffix(".1")) == [1]


@pytest.mark.parametrize("torn", ["{", '{"id":2,"ty', '{"id":2,"text":"' + "x" * 200_000, '{"id":2}'])
@pytest.mark.parametrize("before", ["", '{"id":1}\n'])
def test_a_half_written_line_goes(path: Path, before: str, torn: str) -> None:
    """Its event comes again: the file holds it once, and nothing else than whole lines."""
    path.write_text(before + torn)
    JsonLines(str(path)).deliver(events(2))
    assert ids(path) == [*([1] if before else []), 2]


def test_what_others_have_written_stays(path: Path) -> None:
    """A last line that is none of ours is ended, not cut off."""
    path.write_text("a log of somebody else")
    JsonLines(str(path)).deliver(events(1))
    assert path.read_text() == 'a log of somebody else\n{"id":1}\n'


def test_a_full_disk_leaves_no_torn_line(path: Path, full_disk: FullDisk) -> None:
    """It raises, and what it could write of the events is taken back; later they are written."""
    sink = JsonLines(str(path))
    sink.deliver(events(1))
    with full_disk(50), pytest.raises(OSError, match="File too large"):
        sink.deliver(events(2, 3, text="x" * 100))
    assert ids(path) == [1]
    sink.deliver(events(2, 3))
    assert ids(path) == [1, 2, 3]


def test_a_folder_that_has_gone_is_told(path: Path, tmp_path: Path) -> None:
    sink = JsonLines(str(path))
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    with pytest.raises(FileNotFoundError):
        sink.deliver(events(1))
    moved.rename(tmp_path)
    sink.deliver(events(1))
    assert ids(path) == [1]


def test_a_pipe_in_place_of_the_file_is_refused(path: Path) -> None:
    """At once, and not waited for: also where it came later."""
    sink = JsonLines(str(path))
    os.mkfifo(path)
    with pytest.raises(OSError, match="is no file"):
        sink.deliver(events(1))
    with pytest.raises(SinkError, match="is no file"):
        JsonLines(str(path))


@pytest.mark.parametrize(
    ("target", "message"), [("", "no file is named"), ("none/x", "no folder"), (".", "is no file")]
)
def test_a_bad_target_is_refused(target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SinkError, match=message):
        JsonLines(target)
