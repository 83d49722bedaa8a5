"""Messages that nobody can read: acknowledged, counted, and told in one short line without their content."""

import logging
import time
from typing import Any

from worker.telemetry.metrics import UNREADABLE

log = logging.getLogger("cladist.worker")

# What reading a hostile text raises: wrong types, missing keys, bad base64, unknown encodings, nesting without an end.
UNREADABLE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
_PAUSE_S = 0.01  # for each, so that a flood of them leaves the processor to others


def refuse(message: Any, why: Exception | str, connection_errors: tuple[type[BaseException], ...]) -> None:
    """Acknowledge a message that was delivered; a connection that is lost meanwhile is logged."""
    count_unreadable(why)
    if not message.acknowledged:
        message.ack_log_error(log, connection_errors)


def count_unreadable(why: Exception | str) -> None:
    """Count and log a message that is gone from the broker, or will be; of an error its class only, never its text.

    The text may quote the message, and the message may be as long as the broker allows.
    """
    reason = why if isinstance(why, str) else type(why).__name__
    UNREADABLE.labels(reason).inc()
    log.warning("a message that nobody can read was thrown away: %s", reason)
    time.sleep(_PAUSE_S)
