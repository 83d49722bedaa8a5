"""The one loop in which tests wait for something to happen."""

import time
from collections.abc import Callable

PATIENCE_S = 240.0  # for what takes a second or two on a quiet machine, and minutes where many share its cores
_LOOK_S = 0.02


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds. Raises TimeoutError, which names `what`, after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(_LOOK_S)
