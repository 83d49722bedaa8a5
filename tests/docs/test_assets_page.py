"""docs/reference/assets.md tells users of every scheme, and of the limits that the code has."""

from pathlib import Path

import pytest

from classifier.images import file_traps as containers
from classifier.images import limits, png_chunks
from worker.fetch.buckets import BUCKET_SCHEMES
from worker.fetch.web import WEB_SCHEMES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "assets.md").read_text()


@pytest.mark.parametrize("scheme", ["file", *WEB_SCHEMES, *BUCKET_SCHEMES])
def test_every_scheme_is_told_of(scheme: str) -> None:
    assert f"`{scheme}://" in PAGE


@pytest.mark.parametrize(
    "limit",
    [limits.MAX_PIXELS, limits.LARGE_PIXELS, limits.MAX_SIDE_PX, png_chunks._MAX_CHUNKS, containers._MAX_PARTS,
     containers._MAX_RUN_LENGTH_PIXELS,
     containers._MAX_SCANS, containers._MAX_GIF_BLOCKS, containers._MAX_TAG_VALUES],
)  # fmt: skip
def test_the_limits_are_those_of_the_code(limit: int) -> None:
    assert f"{limit:,}" in PAGE
