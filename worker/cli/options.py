"""Options and types of options that many commands have."""

from pathlib import Path

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
id_type = click.IntRange(0, 2**63 - 1)  # what a row of any database may be numbered
file_type = click.Path(path_type=Path)
