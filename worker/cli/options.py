"""Options and types of options that many commands have."""

import getpass
import os
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process whose user has no name, as in containers
        return f"uid {os.getuid()}"


by_option = click.option("--by", default=_user, show_default="the user of this process", help="Who does it.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
file_type = click.Path(path_type=Path)
id_type = click.IntRange(1, 2**63 - 1)  # what a column of ids holds
