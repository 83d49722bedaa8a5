"""Spans, which leave the process: what they tell of errors."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from worker.telemetry.tracing import span, start_tracing, stop_tracing


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """What receives the spans."""
    made = InMemorySpanExporter()
    start_tracing(made, at_once=True)
    yield made
    stop_tracing()


def test_a_span_tells_the_error_but_no_secret(exporter: InMemorySpanExporter) -> None:
    with suppress(ValueError), span("fetch", {}):
        try:
            raise OSError("https://h/x.png?token=s3cret")
        except OSError as error:
            raise ValueError("no answer from redis://user:s3cret@h/0\x1b[2J") from error
    (made,) = exporter.get_finished_spans()
    said = made.to_json()
    assert "ValueError" in said
    assert "user:***@h" in said
    assert made.status.is_ok is False
    assert "s3cret" not in said
    assert "u001b" not in said
