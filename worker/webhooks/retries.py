"""When a delivery is tried again, and when an address that fails is."""

import random
from datetime import timedelta

GIVEN_UP_AFTER = timedelta(days=3)
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_BOUNDS_S = (
    *(5.0, 5 * _MINUTE_S, 30 * _MINUTE_S),
    *(hours * _HOUR_S for hours in (2, 5, 10, 14, 20, 24)),
)
_ADDRESS_BASE_S, _ADDRESS_LONGEST_S = 5.0, 300.0


def retry_wait(failures: int) -> timedelta:
    """A random wait after so many failures of one delivery: of at most 5 s after the first, and a day after the ninth.

    Full jitter: what failed together does not come back together.
    """
    bound_s = _BOUNDS_S[min(max(failures, 1), len(_BOUNDS_S)) - 1]
    return timedelta(seconds=_drawn(bound_s))


def address_wait(failures: int) -> timedelta:
    """A random wait before an address that failed so often in a row is tried with one delivery; up to 5 minutes."""
    bound_s = min(_ADDRESS_LONGEST_S, _ADDRESS_BASE_S * 2.0 ** min(max(failures, 1) - 1, 16))
    return timedelta(seconds=_drawn(bound_s))


def _drawn(bound_s: float) -> float:
    return random.uniform(0.0, bound_s)  # noqa: S311 (nobody is to be kept from guessing it)
