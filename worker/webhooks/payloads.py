"""The body of a webhook: the object that sinks are told, under 20 kB."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from worker.sinks.protocol import Delivery

MAX_BYTES = 20_000
TEST = "webhook.test"

_Object = dict[str, Any]
_MANY = 20
_LONG = 500  # characters


def body_of(delivery: Delivery) -> bytes:
    """The JSON `{type, timestamp, data}` of an event, ASCII; what is too large goes, and `data.truncated` says so.

    Alternatives go first, then what lies beyond the decided path, then all but what identifies and decides.
    """
    for data in _shorter(delivery.payload):
        body = _body(str(delivery.type), delivery.payload["at"], data)
        if len(body) <= MAX_BYTES:
            return body
    raise AssertionError("an event that is nothing but numbers and short words is larger than 20 kB")


def test_body(at: str, tenant: str) -> bytes:
    """The body of a test, which is no event."""
    return _body(TEST, at, {"type": TEST, "at": at, "tenant": tenant})


test_body.__test__ = False  # type: ignore[attr-defined]  # pytest takes it for one of its own


def _body(kind: str, at: str, data: _Object) -> bytes:
    return json.dumps({"type": kind, "timestamp": at, "data": data}, separators=(",", ":"), default=str).encode()


def _shorter(payload: _Object) -> Iterator[_Object]:
    """The object, and then what is left after each step."""
    yield payload
    data = {**payload, "truncated": True}
    for step in _STEPS:
        data = step(data)
        yield data


def _without_alternatives(data: _Object) -> _Object:
    return _with_levels(data, lambda level, _: {**level, "alternatives": []})


def _decided_only(data: _Object) -> _Object:
    def kept(level: _Object, prediction: _Object) -> _Object | None:
        decided = prediction.get("decided")
        is_decided = level["node"] in decided if decided else level["level"] <= prediction["decision"]["level"]
        return level if is_decided else None

    data = _with_levels(data, kept)
    prediction = data["prediction"] and {k: v for k, v in data["prediction"].items() if k not in ("reported", "bins")}
    return {**data, "prediction": prediction}


def _without_words_of_the_host(data: _Object) -> _Object:
    job = data["job"] and {**data["job"], "metadata": None}
    return {**data, "job": job, "details": None}


def _identity_only(data: _Object) -> _Object:
    """Numbers and states, and texts where they are short."""
    decision = (data["prediction"] or {}).get("decision")
    prediction = {"decision": _short_only(decision)} if decision else None
    routings = [_short_only(routing) for routing in data["routings"][:_MANY]]
    job, batch = data["job"] and _short_only(data["job"]), data["batch"] and _short_only(data["batch"])
    return {**data, "job": job, "batch": batch, "prediction": prediction, "routings": routings}


def _numbers_only(data: _Object) -> _Object:
    job, batch = (data[key] and {key: data[key][key]} for key in ("job", "batch"))
    tenant = data["tenant"] and data["tenant"][:_LONG]
    return {**data, "tenant": tenant, "job": job, "batch": batch, "prediction": None, "routings": []}


_STEPS = (_without_alternatives, _decided_only, _without_words_of_the_host, _identity_only, _numbers_only)


def _with_levels(data: _Object, change: Callable[[_Object, _Object], _Object | None]) -> _Object:
    prediction = data["prediction"]
    if not prediction:
        return data
    changed = (change(level, prediction) for level in prediction["levels"])
    return {**data, "prediction": {**prediction, "levels": [level for level in changed if level is not None]}}


def _short_only(found: _Object) -> _Object:
    return {key: value for key, value in found.items() if len(json.dumps(value, default=str)) <= _LONG}
