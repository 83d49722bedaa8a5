"""The logs of a worker: one JSON object a line for programs, or text for people; no secret in either."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from celery import signals
from structlog.typing import Processor

from worker.telemetry.last_words import SafeHandler
from worker.telemetry.redaction import redacted_line, visible

# Heard from WARNING on, unless debugging.
_QUIET = ("alembic", "amqp", "celery", "kombu", "opentelemetry", "urllib3")

# Heard from WARNING on, whatever the level: while debugging they tell headers, cookies and what they sign.
_TALKATIVE = ("aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "google", "httpcore2", "httpx2", "s3fs")

_LONGEST_TEXT_CHARS = 16_000  # a long traceback is whole


def configure_logging(log_format: str, level: str, worker: str) -> None:
    """Log to standard error from here on; `auto` is text on a terminal, and JSON anywhere else."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = SafeHandler()
    handler.setFormatter(_formatter(as_text=as_text, worker=worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level) if level != "DEBUG" else level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    signals.setup_logging.connect(_leave_logging_alone, weak=False)


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Redacts the whole line, tracebacks included, so that nothing passes by another way."""

    def format(self, record: logging.LogRecord) -> str:
        """The line that the record becomes."""
        return redacted_line(super().format(record))


def _formatter(*, as_text: bool, worker: str) -> logging.Formatter:
    def name_worker(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**event, "worker": worker}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain = structlog.dev.plain_traceback  # the default shows local variables, and secrets with them
    last: list[Processor] = (
        [
            _bound_texts,
            _visible_values,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
        if as_text
        else [name_worker, _bound_texts, structlog.processors.JSONRenderer(default=str)]
    )
    first = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return _Redacting(foreign_pre_chain=shared, processors=[first, structlog.processors.format_exc_info, *last])


def _visible_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """JSON escapes what acts on a terminal; text must do so before it is coloured."""
    return {key: visible(value) if isinstance(value, str) else value for key, value in event.items()}


def _bound_texts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cut long texts in the middle: a message of a broker, quoted by an error, may be as long as the broker allows."""
    return {key: _shortened(value) if isinstance(value, str) else value for key, value in event.items()}


def _shortened(text: str) -> str:
    half = _LONGEST_TEXT_CHARS // 2
    return text if len(text) <= _LONGEST_TEXT_CHARS else f"{text[:half]} ... {text[-half:]}"


def _leave_logging_alone(**_: Any) -> None:
    """Celery sets up no logging of its own where somebody listens to this signal."""
