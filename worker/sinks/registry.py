"""Which sinks there are: ours, and those of entry points, each by the scheme that CLADIST_SINKS names it with."""

import re
from collections import Counter
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from taxonomy.errors import first_line
from worker.errors import SinkError
from worker.settings import Settings
from worker.sinks.celery_task import CeleryTask
from worker.sinks.json_lines import JsonLines
from worker.sinks.protocol import Sink
from worker.telemetry.redaction import safe_message

ENTRY_POINTS = "cladist.sinks"
_OURS = ("celery", "jsonl")
_MAX_NAME_CHARS = 200
_SPEC = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<target>.*)", re.DOTALL)


def open_sinks(settings: Settings) -> tuple[Sink, ...]:
    """The sinks of CLADIST_SINKS. Raises SinkError, naming the one that cannot be made and why."""
    sinks = tuple(_open(spec, settings.broker_url) for spec in settings.sinks)
    twice = [name for name, count in Counter(sink.name for sink in sinks).items() if count > 1]
    if twice:
        raise SinkError(f"{twice[0]} is named twice", source="CLADIST_SINKS")
    return sinks


def _open(spec: str, broker_url: str) -> Sink:
    shown = safe_message(spec)[:_MAX_NAME_CHARS]
    found = _SPEC.fullmatch(spec)
    if found is None:
        what = "is not SCHEME:TARGET, as in jsonl:/var/log/cladist/events.jsonl"
        raise SinkError(f"{shown!r} {what}", source="CLADIST_SINKS")
    try:
        sink = _maker(found["scheme"], broker_url)(found["target"])
        _require_name(sink)
    except SinkError as error:
        raise SinkError(f"{shown}: {error}", source="CLADIST_SINKS") from None
    except Exception as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise SinkError(f"{shown}: cannot be made: {said}", source="CLADIST_SINKS") from error
    return sink


def _maker(scheme: str, broker_url: str) -> Callable[[str], Sink]:
    if scheme == "jsonl":
        return JsonLines
    if scheme == "celery":
        return lambda target: CeleryTask(target, broker_url)
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if scheme not in points:
        known = ", ".join(sorted({*_OURS, *points}))
        raise SinkError(f"no sink is called {scheme!r}; known: {known}")
    return cast("Callable[[str], Sink]", points[scheme].load())


def _require_name(sink: Sink) -> None:
    name: object = sink.name
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS:
        raise SinkError(f"its name has not 1 to {_MAX_NAME_CHARS} characters")
