"""CLADIST_SINKS: each sink is made when a worker starts, or the worker does not start, and says why in one line."""

from pathlib import Path

import pytest
from command_line import Cladist
from entry_points import install
from fixture_types import MakeBundle

from worker.errors import SinkError
from worker.settings import Settings, read_settings
from worker.sinks.json_lines import JsonLines
from worker.sinks.registry import ENTRY_POINTS, open_sinks

POINTS = [f"{name.lower()} = outside_sinks:{name}" for name in ("Good", "Choosy", "Buggy", "Nameless")]
REDIS = "redis://127.0.0.1/0"


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, ENTRY_POINTS, *POINTS, "missing = nowhere:Sink", "jsonl = outside_sinks:Good")


def names(*sinks: str, broker_url: str = REDIS) -> list[str]:
    return [sink.name for sink in open_sinks(Settings(sinks=sinks, broker_url=broker_url))]


def test_sinks_are_separated_by_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLADIST_SINKS", f"jsonl:{tmp_path}/a, jsonl:{tmp_path}/b,")
    assert [sink.name for sink in open_sinks(read_settings())] == [f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}/b"]
    assert names() == []


@pytest.mark.usefixtures("outside")
def test_sinks_of_others_are_found_by_entry_point(tmp_path: Path) -> None:
    """Ours cannot be taken over."""
    assert names("good:place") == ["good:place"]
    (ours,) = open_sinks(Settings(sinks=(f"jsonl:{tmp_path}/a",)))
    assert isinstance(ours, JsonLines)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("events.jsonl", "'events.jsonl' is not SCHEME:TARGET"),
        ("kafka:topic", "kafka:topic: no sink is called 'kafka'; known: buggy, celery, choosy, good, jsonl"),
        ("jsonl:", "jsonl:: no file is named"),
        ("jsonl:/proc/none/all.jsonl", "there is no folder /proc/none"),
        ("celery:", "expected TASK"),
        ("celery:a b", "expected TASK"),
        ("celery:task@memory://x", "a Celery task needs a broker"),
        ("choosy:there", "choosy:there: 'there' is no place"),
        ("buggy:there", r"buggy:there: cannot be made: ZeroDivisionError"),
        ("missing:there", "missing:there: cannot be made: ModuleNotFoundError"),
        ("nameless:there", "its name has not 1 to 200 characters"),
        ("good:" + "x" * 300, "its name has not 1 to 200 characters"),
    ],
)
def test_a_bad_sink_is_refused_in_one_line(spec: str, message: str) -> None:
    with pytest.raises(SinkError, match=f"^CLADIST_SINKS: .*{message}") as caught:
        names(spec)
    assert "\n" not in str(caught.value)


def test_the_same_sink_twice_is_refused(tmp_path: Path) -> None:
    """They would share one cursor."""
    with pytest.raises(SinkError, match="a is named twice"):
        names(f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}//a")


def test_a_celery_task_on_the_embedded_broker_is_refused() -> None:
    """Nobody outside of this process would hear it."""
    with pytest.raises(SinkError, match="a Celery task needs a broker that its app can reach"):
        names("celery:host.tasks.classified", broker_url="memory://localhost/")


def test_names_tell_no_password() -> None:
    """Nor do they change with it: what was delivered is remembered by name."""
    (name,) = names("celery:host.task:media@redis://:old-secret@broker:6379/1")
    assert name == "celery:host.task:media@redis://:***@broker:6379/1"
    assert names("celery:host.task:media@redis://:new-secret@broker:6379/1") == [name]
    with pytest.raises(SinkError) as caught:
        names("celery:host task@redis://:old-secret@broker/1")
    assert "secret" not in str(caught.value)


def test_a_worker_with_a_bad_sink_does_not_start(cladist: Cladist, make_bundle: MakeBundle) -> None:
    make_bundle(cladist.folder / "b")
    cladist.ok("db", "upgrade")
    cladist.ok("bundle", "add", "b")
    for spec in ("kafka:topic", "jsonl:/proc/none/all.jsonl", "celery:host.task"):
        assert f"CLADIST_SINKS: {spec}: " in cladist.refused("worker", "--drain", CLADIST_SINKS=spec)
