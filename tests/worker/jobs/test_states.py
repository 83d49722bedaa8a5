"""The table of moves."""

import itertools
import re
from pathlib import Path

from classifier import errors
from taxonomy import CladistError
from worker.states import FINISHED, MOVES, OPEN, Code, Status, sources

REPOSITORY = Path(__file__).parents[3]


def test_every_status_has_its_moves() -> None:
    """No status is forgotten, and none may stay as it is."""
    assert set(MOVES) == set(Status)
    assert all(status not in targets for status, targets in MOVES.items())


def test_sources_are_the_moves_turned_round() -> None:
    """`sources(b)` holds a exactly when a may become b."""
    for before, after in itertools.product(Status, Status):
        assert (before.value in sources(after)) == (after in MOVES[before])


def test_a_finished_job_only_ever_becomes_queued_again() -> None:
    """Nothing but a retry leaves an end, and a success is final."""
    assert all(MOVES[status] <= {Status.QUEUED} for status in FINISHED)
    assert not MOVES[Status.SUCCEEDED]
    assert {Status.QUEUED, Status.RUNNING} == OPEN


def test_every_code_of_an_asset_or_bundle_error_is_a_documented_code() -> None:
    """The classifier's codes are words that jobs may fail with."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CladistError)]
    codes = {kind.code for kind in kinds if kind.code is not None}
    assert codes <= {code.value for code in Code}
    assert "unreadable_image" in codes
    explained = re.findall(
        r"^\| `([a-z_]+)` \|", (REPOSITORY / "docs" / "reference" / "failure-codes.md").read_text(), re.MULTILINE
    )
    assert sorted(explained) == sorted(Code)
