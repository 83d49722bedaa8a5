"""Options and types of options that many commands have."""

from math import isfinite
from pathlib import Path
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number in a range; neither NaN, which compares with nothing and so passes every bound, nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; fails on any other text, and outside of the range."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return float(number)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
file_type = click.Path(path_type=Path)
id_type = click.IntRange(1, 2**63 - 1)  # what a column of ids holds
