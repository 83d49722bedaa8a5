"""A body is under 20 kB, whatever its event holds; what goes first is what is missed least."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sinks.protocol import Delivery
from worker.states import EventKind
from worker.webhooks.payloads import MAX_BYTES, body_of


def event(levels: int = 3, alternatives: int = 2, **changes: Any) -> Delivery:
    level = [
        {
            "level": number, "node": f"n{number}", "name": "A name", "confidence": 0.9,
            "alternatives": [{"node": f"a{n}", "name": "Another", "confidence": 0.1} for n in range(alternatives)],
        }
        for number in range(1, levels + 1)
    ]  # fmt: skip
    decision = {"node": "n2", "path": ["n1", "n2"], "level": 2, "confidence": 0.9, "reason": "below threshold"}
    payload = {
        "id": 7, "type": "job.succeeded", "at": "2026-03-01T09:30:00+00:00", "tenant": "default", "details": None,
        "job": {"job": 3, "asset": "file:///a", "metadata": None}, "deleted_job": None, "batch": None, "routings": [],
        "prediction": {"asset": "file:///a", "levels": level, "decision": decision}, **changes,
    }  # fmt: skip
    return Delivery(7, EventKind.JOB_SUCCEEDED, payload)


def told(delivery: Delivery) -> dict[str, Any]:
    body = body_of(delivery)
    assert len(body) <= MAX_BYTES
    assert body.isascii()
    found: dict[str, Any] = json.loads(body)
    assert (found["type"], found["timestamp"]) == (delivery.type, delivery.payload["at"])
    assert (found["data"]["id"], set(found["data"]) >= set(delivery.payload)) == (7, True)
    data: dict[str, Any] = found["data"]
    return data


def test_what_is_small_is_told_whole() -> None:
    assert told(event()) == event().payload


def test_alternatives_go_first() -> None:
    """The levels stay, and all else."""
    data = told(event(alternatives=400))
    assert data["truncated"] is True
    assert [level["alternatives"] for level in data["prediction"]["levels"]] == [[]] * 3
    assert data["job"] == event().payload["job"]


def test_then_the_levels_beyond_the_decided_path() -> None:
    data = told(event(levels=400))
    assert [level["node"] for level in data["prediction"]["levels"]] == ["n1", "n2"]


def test_of_several_labels_the_decided_ones_stay() -> None:
    large = event(levels=400).payload["prediction"] | {"decided": ["n1", "n300"]}
    data = told(event(prediction=large))
    assert [level["node"] for level in data["prediction"]["levels"]] == ["n1", "n300"]


@pytest.mark.parametrize(
    "changes",
    [
        {"job": {"job": 3, "asset": "file:///a", "metadata": {"text": "x" * 50_000}}},
        {"job": {"job": 3, "asset": "file:///" + "a" * 50_000}},
        {"details": {"x": "y" * 50_000}},
        {"routings": [{"job": 3, "queue": "weapons", "tags": ["t" * 100] * 100}] * 300},
        {"batch": {"batch": 9, "capped": list(range(50_000))}},
        {"tenant": "\U0001f600" * 5000},
    ],
)
def test_nothing_is_too_large(changes: dict[str, Any]) -> None:
    """Numbers stay."""
    data = told(event(**changes))
    assert data["truncated"] is True
    for key in ("job", "batch"):
        if data[key] is not None:
            assert data[key][key] == {"job": 3, "batch": 9}[key]


@given(st.integers(0, 300), st.integers(0, 60), st.integers(0, 30_000), st.integers(0, 200))
def test_any_event_fits(levels: int, alternatives: int, words: int, routings: int) -> None:
    changes = {
        "job": {"job": 3, "asset": "a" * words, "metadata": {"a": "é" * words}},
        "routings": [{"job": 3, "rule": "r" * 490}] * routings,
    }
    told(event(levels, alternatives, **changes))
