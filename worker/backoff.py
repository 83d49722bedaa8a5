"""How long a job waits before its next attempt: exponential backoff with full jitter, capped."""

import random

LONGEST_S = 900.0


def wait_s(attempt: int, base_s: float) -> float:
    """A random wait after the given attempt, of at most `base_s` after the first; the bound doubles each time.

    Full jitter: what failed together does not come back together. No wait is longer than LONGEST_S.
    """
    bound_s = min(LONGEST_S, base_s * 2.0 ** min(attempt - 1, 64))
    return random.uniform(0.0, bound_s)  # noqa: S311 (nobody is to be kept from guessing it)
