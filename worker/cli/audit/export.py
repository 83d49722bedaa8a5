"""`cladist audit export`."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from classifier.files import replaced_file
from taxonomy.errors import CladistError, first_line
from worker.audit.export import Choice, chosen_rows, csv_lines, json_lines
from worker.cli.audit.options import chain_number, tenant_option
from worker.cli.options import file_type
from worker.cli.output import print_file
from worker.db.engine import Database, open_database
from worker.settings import read_settings

_FORMATS = ("jsonl", "csv", "dsa")
_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.command()
@click.option("--format", "format_name", type=click.Choice(_FORMATS), required=True)
@tenant_option
@click.option("--since", type=_TIMES, help="Records of this time or later; UTC, unless it has an offset.")
@click.option("--until", type=_TIMES, help="Records of before this time.")
@click.option("--mapping", type=file_type, help="With dsa: what a statement says for which node and rule.")
@click.option("--json", "in_calls", is_flag=True, help="With dsa: bodies for the API, each of up to 100 statements.")
@click.option("--out", type=file_type, help="The file to write; it is there whole or not at all.")
def export(
    *,
    format_name: str,
    tenant: str | None,
    since: datetime | None,
    until: datetime | None,
    mapping: Path | None,
    in_calls: bool,
    out: Path | None,
) -> None:
    """Write records as lines: JSON, CSV, or statements of reasons for the DSA transparency database.

    Nothing is written when one of them cannot be.
    """
    if (format_name == "dsa") != (mapping is not None):
        raise click.UsageError("--mapping FILE goes with --format dsa, and dsa with a mapping")
    if in_calls and mapping is None:
        raise click.UsageError("--json goes with --format dsa")
    database = open_database(read_settings().database_url)
    with database.read() as tx:
        choice = Choice(chain_number(tx, tenant), _utc(since), _utc(until))
    lines = _lines(database, format_name, choice, mapping, in_calls=in_calls)
    if out is not None:
        try:
            with replaced_file(out) as stream:
                stream.writelines(line.encode() for line in lines)
        except OSError as error:
            raise CladistError(first_line(error), source=out) from None
    else:
        _print(lines)


def _lines(
    database: Database, format_name: str, choice: Choice, mapping: Path | None, *, in_calls: bool
) -> Iterator[str]:
    rows = chosen_rows(database, choice)
    if mapping is None:
        return json_lines(rows) if format_name == "jsonl" else csv_lines(rows)
    from worker.audit.dsa.mapping import read_mapping  # noqa: PLC0415 (for this format alone)
    from worker.audit.dsa.statements import Statements, statement_lines  # noqa: PLC0415 (likewise)

    return statement_lines(Statements(database, read_mapping(mapping)).of(rows), in_calls=in_calls)


def _print(lines: Iterator[str]) -> None:
    """Write to standard output once the last line is made."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as whole:
        whole.writelines(lines)
        whole.seek(0)
        for line in whole:
            print_file(line)


def _utc(given: datetime | None) -> datetime | None:
    if given is None or given.tzinfo is None:
        return None if given is None else given.replace(tzinfo=UTC)
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise click.UsageError(f"{given.isoformat()} is beyond the calendar") from None
