"""Nodes as they are named on the command line."""

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path

import click

from taxonomy import CladistError, Taxonomy, TaxonomyError, find_node
from taxonomy.formats.reading import read_text


def node_option(taxonomy: Taxonomy, text: str, option: str) -> str:
    """The id of the node that the value of an option names. Raises UsageError, naming the option, unless it is one."""
    try:
        return find_node(taxonomy, text).id
    except TaxonomyError as error:
        raise click.UsageError(f"{option}: {error}") from None


def node_numbers(taxonomy: Taxonomy, values: Sequence[str], option: str) -> dict[str, float]:
    """NODE=NUMBER as node id -> number; what follows the last = is the number. Raises UsageError."""
    found = {}
    for value in values:
        name, sign, number = value.rpartition("=")
        try:
            amount = float(number)
        except ValueError:
            amount = nan
        if not (name.strip() and sign and isfinite(amount)):
            raise click.UsageError(f"{option} takes NODE=NUMBER, not {value!r}")
        found[node_option(taxonomy, name.strip(), option)] = amount
    return found


def read_names(values: Sequence[str], option: str) -> list[str]:
    """The values, where each @FILE stands for the lines of a file, one name a line. Raises UsageError."""
    found: list[str] = []
    for value in values:
        if not value.startswith("@"):
            found.append(value)
            continue
        try:
            lines = read_text(Path(value[1:])).splitlines()
        except CladistError as error:
            raise click.UsageError(f"{option}: {error}") from None
        found.extend(line.strip() for line in lines if line.strip())
    return found
