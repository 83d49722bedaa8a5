"""OpenTelemetry spans, if the extra `otel` is installed and wanted; otherwise nothing of it is imported."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from taxonomy import CladistError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_tracers: list["Tracer"] = []  # the one of this process, once it is started


def span(name: str, attributes: Mapping[str, str | int]) -> AbstractContextManager[object]:
    """A span around what happens inside; nothing at all unless tracing was started."""
    if not _tracers:
        return nullcontext()
    return _tracers[0].start_as_current_span(f"cladist.{name}", attributes=dict(attributes))


def start_tracing(exporter: "SpanExporter | None" = None, *, at_once: bool = False) -> None:
    """Send spans by OTLP over HTTP to where the OTEL_EXPORTER_OTLP_... variables say, or to an exporter given.

    They go in batches, unless each is wanted at once. Raises CladistError when the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 (an extra)
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError:
        what = "OpenTelemetry is not installed: pip install 'cladist[otel]'"
        raise CladistError(what, source="CLADIST_TRACES") from None
    processor = SimpleSpanProcessor if at_once else BatchSpanProcessor
    provider = TracerProvider(resource=Resource.create({"service.name": "cladist"}))
    provider.add_span_processor(processor(exporter or OTLPSpanExporter()))
    _tracers[:] = [provider.get_tracer("cladist")]


def stop_tracing() -> None:
    """Make no spans any more."""
    _tracers.clear()
