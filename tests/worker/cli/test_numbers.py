"""No command and no setting takes a number that is none, infinite or absurd."""

from collections.abc import Iterator
from typing import Any

import click
import pytest
from pydantic import ValidationError

from worker.cli.main import cli
from worker.cli.options import FiniteRange
from worker.settings import Settings

NONE_OF_THEM = ("nan", "NaN", "-nan", "inf", "-inf", "1e999")


def numeric_parameters(command: click.Command, path: str = "cladist") -> Iterator[tuple[str, click.ParamType[Any]]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            if found is not None:
                yield from numeric_parameters(found, f"{path} {name}")
    for parameter in command.params:
        kind = parameter.type
        if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
            yield f"{path} {parameter.name}", kind


def test_every_numeric_option_is_bounded_and_finite() -> None:
    """Integers have both bounds, other numbers are of the one type that refuses NaN."""
    found = dict(numeric_parameters(cli))
    assert {"cladist queues set weight", "cladist top every_s", "cladist jobs show job"} <= found.keys()
    for name, kind in found.items():
        assert isinstance(kind, click.IntRange | FiniteRange), name
        assert None not in (kind.min, kind.max), name


@pytest.mark.parametrize("text", NONE_OF_THEM)
def test_an_option_takes_no_such_number(text: str) -> None:
    with pytest.raises(click.BadParameter):
        FiniteRange(0, 1e300).convert(text, None, None)


def numeric_settings() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]


@pytest.mark.parametrize("name", numeric_settings())
def test_a_setting_takes_no_such_number(name: str) -> None:
    for text in (*NONE_OF_THEM, "1e300", "9" * 30):
        with pytest.raises(ValidationError):
            Settings.model_validate({name: text})
