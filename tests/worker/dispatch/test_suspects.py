"""How many suspects run together."""

from itertools import pairwise

import pytest

from worker.dispatch.suspects import group_size, suspect_groups


@pytest.mark.parametrize("max_attempts", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("message_size", [1, 8, 64, 1024])
def test_groups_shrink_and_the_last_attempt_is_alone(max_attempts: int, message_size: int) -> None:
    """Never more than after the attempt before, never none, and one where the budget ends."""
    sizes = [group_size(c, max_attempts=max_attempts, message_size=message_size) for c in range(1, max_attempts + 2)]
    assert all(earlier >= later >= 1 for earlier, later in pairwise(sizes))
    assert set(sizes[max(0, max_attempts - 2) :]) == {1}


def test_64_that_died_together_run_in_groups_of_8_and_then_alone() -> None:
    """Every one once, those charged with most last."""
    once = list(suspect_groups([(n, 1) for n in range(64)], max_attempts=3, message_size=64))
    assert [len(group) for group in once] == [8] * 8
    assert sorted(job_id for group in once for job_id in group) == list(range(64))
    mixed = list(suspect_groups([(1, 2), (2, 1), (3, 2), (4, 1)], max_attempts=3, message_size=64))
    assert mixed == [[2, 4], [1], [3]]
