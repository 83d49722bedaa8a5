"""`cladist reclassify`."""

import click

from worker.cli.jobs.destination import queue_option, tenant_option
from worker.cli.options import json_option
from worker.cli.output import print_json, print_table, print_text
from worker.db.engine import open_database
from worker.dispatch.queues import Destination
from worker.jobs.reclassification import Choice, count_chosen
from worker.jobs.reclassification import reclassify as submit_chosen
from worker.settings import read_settings


@click.command()
@click.option("--stale", is_flag=True, help="Labelled by models, but not by the active bundle in the active release.")
@click.option("--failed", is_flag=True, help="Whose newest job failed or is dead.")
@click.option("--unlabelled", is_flag=True, help="Without any label.")
@click.option("--under", help="Only those labelled at or below a node: its id, path, name or alias.")
@click.option("--model-version", "model", help="Only those labelled by this model, as `jobs show` names it.")
@click.option("--limit", type=click.IntRange(1, 10**12), help="At most so many.")
@click.option("--dry-run", is_flag=True, help="Count, and submit nothing.")
@queue_option
@tenant_option
@json_option
def reclassify(
    *,
    stale: bool,
    failed: bool,
    unlabelled: bool,
    under: str | None,
    model: str | None,
    limit: int | None,
    dry_run: bool,
    queue: str,
    tenant: str,
    as_json: bool,
) -> None:
    """Submit assets again to the active bundle; labels of people stay as they are."""
    choice = Choice(stale=stale, failed=failed, unlabelled=unlabelled, under=under, model=model)
    if choice.is_empty:
        raise click.UsageError("say which: --stale, --failed, --unlabelled, --under NODE or --model-version V")
    database = open_database(read_settings().database_url)
    if dry_run:
        with database.read() as session:
            counts = count_chosen(session, choice)
        if as_json:
            print_json(counts)
        else:
            print_table("would be submitted", ("reason", "assets"), list(counts.items()))
        return
    destination = Destination(queue, tenant)
    submitted = sum(len(ids) for ids in submit_chosen(database, choice, destination, limit=limit))
    if as_json:
        print_json({"submitted": submitted})
    else:
        print_text(f"{submitted} submitted")
