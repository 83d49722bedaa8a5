"""Options and types of options that many commands have."""

from math import isfinite
from pathlib import Path
from typing import Any

import click

from worker.audit.people import MAX_BY_CHARS, system_user


class FiniteRange(click.FloatRange):
    """A number in a range; neither NaN, which compares with nothing and so passes every bound, nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; fails on any other text, and outside of the range."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return float(number)


def _checked_by(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not value.strip() or len(value) > MAX_BY_CHARS:
        raise click.BadParameter(f"1 to {MAX_BY_CHARS} characters")
    return value


by_option = click.option(
    "--by", default=system_user, callback=_checked_by, help="Who does it, for the audit. [default: the system's user]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
file_type = click.Path(path_type=Path)
id_type = click.IntRange(1, 2**63 - 1)  # what a column of ids holds
