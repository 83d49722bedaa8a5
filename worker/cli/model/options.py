"""The options of commands that read labelled images."""

import click

from classifier.data.manifest import SPLITS
from worker.cli.options import file_type

labels_option = click.option("--labels", type=file_type, required=True, help="A labels.csv.")
split_option = click.option("--split", type=click.Choice(SPLITS), required=True)
