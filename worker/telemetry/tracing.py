"""OpenTelemetry spans, if the extra `otel` is installed and wanted; otherwise nothing of it is imported."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from taxonomy import CladistError
from worker.telemetry.redaction import safe_message

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_tracers: list["Tracer"] = []  # the one of this process, once it is started


def span(name: str, attributes: Mapping[str, str | int]) -> AbstractContextManager[object]:
    """A span around what happens inside; nothing at all unless tracing was started."""
    return _span(name, attributes) if _tracers else nullcontext()


@contextmanager
def _span(name: str, attributes: Mapping[str, str | int]) -> Iterator[None]:
    """Of an error it tells the class and a safe message; what OpenTelemetry would tell quotes all of its traceback."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 (an extra)

    begun = _tracers[0].start_as_current_span(
        f"cladist.{name}", attributes=dict(attributes), record_exception=False, set_status_on_exception=False
    )
    with begun as made:
        try:
            yield
        except BaseException as error:
            said = {"exception.type": type(error).__name__, "exception.message": safe_message(str(error))}
            made.add_event("exception", said)
            made.set_status(StatusCode.ERROR)
            raise


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
