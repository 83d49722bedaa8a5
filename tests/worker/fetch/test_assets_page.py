"""docs/assets.md tells users of every failure code and every setting of fetching."""

from pathlib import Path

import pytest

from classifier.images import decode as images
from classifier.images import file_traps as containers
from worker.fetch.buckets import BUCKET_SCHEMES
from worker.fetch.web import WEB_SCHEMES
from worker.settings import Settings
from worker.states import Code

PAGE = (Path(__file__).parents[3] / "docs" / "assets.md").read_text()


@pytest.mark.parametrize("code", Code)
def test_every_failure_code_has_its_row(code: Code) -> None:
    assert f"\n| `{code}` | " in PAGE


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.startswith(("asset_", "fetch_"))])
def test_every_setting_has_its_row_and_default(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `CLADIST_{name.upper()}` |"))
    default = Settings.model_fields[name].default
    if isinstance(default, bool):
        assert f"| {str(default).lower()} |" in row
    elif isinstance(default, int | float):
        assert f"| {default:g} |" in row or f"| {default} |" in row
    elif default:
        assert f"| `{','.join(default)}` |" in row


@pytest.mark.parametrize("scheme", ["file", *WEB_SCHEMES, *BUCKET_SCHEMES])
def test_every_scheme_is_told_of(scheme: str) -> None:
    assert f"`{scheme}://" in PAGE


@pytest.mark.parametrize(
    "limit",
    [images.MAX_PIXELS, images.LARGE_PIXELS, containers._MAX_PARTS, containers._MAX_RUN_LENGTH_PIXELS,
     containers._MAX_SCANS, containers._MAX_GIF_BLOCKS, containers._MAX_TAG_VALUES],
)  # fmt: skip
def test_the_limits_are_those_of_the_code(limit: int) -> None:
    assert f"{limit:,}" in PAGE
