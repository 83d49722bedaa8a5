"""What this process says of errors that nothing caught, and of warnings: without secrets, as of everything else."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from worker.telemetry.redaction import safe_message

log = logging.getLogger("cladist.process")


class SafeFormatter(logging.Formatter):
    """A plain formatter whose lines, tracebacks included, are safe messages."""

    def format(self, record: logging.LogRecord) -> str:
        """The line that the record becomes."""
        return safe_message(super().format(record))


class SafeHandler(logging.StreamHandler):  # type: ignore[type-arg]  # of whatever standard error is just now
    """Writes to standard error; of a line that cannot be made it tells where it comes from, never its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name that logging gives it)
        """Tell of it in one line."""
        kind = type(sys.exception()).__name__
        self.stream.write(f"a line of {record.name} cannot be logged ({record.pathname}:{record.lineno}): {kind}\n")


def guard_last_words() -> None:
    """Say safely, from here on, whatever Python itself would say of an error that ends this process or a thread.

    So is what it only mentions: errors in destructors, and warnings.
    """
    sys.excepthook = _tell_unexpected
    threading.excepthook = _tell_of_thread
    sys.unraisablehook = _tell_of_unraisable
    logging.captureWarnings(capture=True)


def _tell_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an error of ours, which may quote what libraries said."""
    sys.stderr.write(safe_message("".join(traceback.format_exception(kind, error, trace))))


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit and ended.exc_value is not None:
        name = ended.thread.name if ended.thread else "?"
        log.critical("the thread %s was ended by an error", name, exc_info=ended.exc_value)


def _tell_of_unraisable(met: "sys.UnraisableHookArgs") -> None:
    log.error(
        "%s: %s", met.err_msg or "an error that nothing can catch", type(met.object).__name__, exc_info=met.exc_value
    )
