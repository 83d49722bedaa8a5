"""`cladist labels`."""

from dataclasses import asdict

import click

from worker.catalog.nodes import find_node
from worker.catalog.serving import active_bundle, serving_release
from worker.cli.options import id_type, json_option
from worker.cli.output import print_json, print_table
from worker.db.engine import open_database
from worker.labels.storage import labels_under
from worker.settings import read_settings


@click.command()
@click.option("--under", required=True, help="A node: its id, its path (A > B), or its name or alias.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--after", type=(float, id_type), help="CONFIDENCE ASSET_ID of the last asset of the page before.")
@json_option
def labels(*, under: str, min_confidence: float, limit: int, after: tuple[float, int] | None, as_json: bool) -> None:
    """Find assets at or below a node, the most confident first."""
    with open_database(read_settings().database_url).read() as session:
        release_id = serving_release(session, active_bundle(session).id).id
        node = find_node(session, release_id, under)
        found = [
            asdict(row)
            for row in labels_under(session, release_id, node.node_id, min_confidence, limit=limit, after=after)
        ]
    if as_json:
        for row in found:
            print_json(row)
    else:
        columns = ("asset_id", "confidence", "on_path", "source", "asset")
        print_table(f"{node.path}: {len(found)} shown", columns, [[row[column] for column in columns] for row in found])
