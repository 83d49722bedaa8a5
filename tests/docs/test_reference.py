"""Pages that are written from the code, or beside it, say what the code says."""

import re
from pathlib import Path

import fields
import pictures
import pytest
import settings_page

from classifier.config import TrainingConfig
from worker.settings import Settings
from worker.states import Code

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS = (DOCS / "reference" / "training-options.md").read_text(encoding="utf-8")
CODES = (DOCS / "reference" / "failure-codes.md").read_text(encoding="utf-8")


def test_the_settings_page_is_that_of_the_code() -> None:
    """`python docs/tools/settings_page.py` changes nothing."""
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.settings_page()


def test_every_setting_has_a_description() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_every_training_option_has_its_section() -> None:
    """And there is no section of an option that is gone."""
    assert set(re.findall(r"^### `(\w+)`$", OPTIONS, re.MULTILINE)) == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("name", TrainingConfig.model_fields)
def test_a_training_option_has_its_default_and_range(name: str) -> None:
    """As the code has them, and then says when it helps."""
    schema = fields.schemas(TrainingConfig)[name]
    allowed = fields.range_text(schema)
    said = f"Default {fields.default_text(schema)}" + (f"; {allowed}" if allowed else "") + "."
    section = OPTIONS.partition(f"### `{name}`\n\n")[2].partition("\n#")[0]
    default, _, when = section.partition("\n\n")
    assert default == said
    assert len(when) > 20


@pytest.mark.parametrize("code", Code)
def test_every_failure_code_has_its_row(code: Code) -> None:
    assert f"\n| `{code}` | " in CODES


@pytest.mark.parametrize("name", pictures.pictures())
def test_the_pictures_are_as_drawn(name: str) -> None:
    """`python docs/tools/pictures.py` changes nothing: layers are those of the import contracts."""
    assert (DOCS / "pictures" / name).read_text(encoding="utf-8") == pictures.pictures()[name]
