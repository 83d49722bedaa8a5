"""Options that several commands share."""

from pathlib import Path

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
file_type = click.Path(path_type=Path)
labels_option = click.option("--labels", type=file_type, required=True, help="A labels.csv.")
