"""docs/examples/folder_sink, installed by the entry point that its pyproject.toml has."""

import json
import tomllib
from pathlib import Path

import pytest
from entry_points import install

from worker import Delivery, Settings, Sink, SinkError
from worker.sinks.registry import ENTRY_POINTS, open_sinks
from worker.states import EventKind

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "folder_sink"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make its entry point known, as pip does."""
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"][ENTRY_POINTS]
    install(tmp_path, monkeypatch, ENTRY_POINTS, *(f"{name} = {value}" for name, value in declared.items()))
    monkeypatch.syspath_prepend(str(EXAMPLE))


def opened(folder: Path) -> Sink:
    (sink,) = open_sinks(Settings(sinks=(f"folder:{folder}",)))
    return sink


def test_each_event_is_a_file(tmp_path: Path) -> None:
    """Also one that comes again."""
    folder = tmp_path / "spool"
    folder.mkdir()
    sink = opened(folder)
    for ids in ((1, 2), (2, 3)):
        sink.deliver([Delivery(number, EventKind.JOB_SUCCEEDED, {"id": number}) for number in ids])
    assert sink.name == f"folder:{folder}"
    assert {path.name: json.loads(path.read_text()) for path in folder.iterdir()} == {
        f"{number}.json": {"id": number} for number in (1, 2, 3)
    }


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"^CLADIST_SINKS: folder:.*there is no folder"):
        opened(tmp_path / "none")
