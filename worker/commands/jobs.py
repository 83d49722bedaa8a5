"""`cladist submit`, `jobs` and `labels`."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import click

from worker.board import cancel_job, jobs_of, list_jobs, retry_job, show_job, wait_for_jobs
from worker.catalogue import active_bundle, find_node, serving_release
from worker.commands.options import file_type, json_option, queue_option, tenant_option
from worker.commands.upkeep import dead, purge
from worker.database import Database, open_database
from worker.errors import LookupFailedError, SubmissionError
from worker.jobs import Status
from worker.labels import labels_under
from worker.queues import Destination
from worker.settings import read_settings
from worker.submission import Request, asset_uri, read_requests
from worker.submission import submit as submit_requests
from worker.terminal import print_jobs, print_json, print_table

_WAIT_POLL_S = 0.2


@click.command()
@click.argument("uris", nargs=-1)
@click.option("--manifest", type=file_type, help="A CSV with the column uri (or image), and perhaps key.")
@click.option("--key", help="Idempotency key: the same key gives back the same job. With one URI only.")
@queue_option
@tenant_option
@json_option
def submit(
    *, uris: tuple[str, ...], manifest: Path | None, key: str | None, queue: str, tenant: str, as_json: bool
) -> None:
    """Submit assets by their URIS, by --manifest, or both."""
    if not uris and manifest is None:
        raise click.UsageError("give URIs, or a --manifest")
    if key is not None and (len(uris) != 1 or manifest is not None):
        raise click.UsageError("--key goes with exactly one URI; a manifest has a column 'key'")
    if key == "":
        raise SubmissionError("the idempotency key is blank")
    given = [Request(asset_uri(uri, Path.cwd()), key) for uri in uris]
    requests: Iterator[Request] = chain(given, read_requests(manifest) if manifest else ())
    count = 0
    for ids in submit_requests(open_database(read_settings().database_url), requests, Destination(queue, tenant)):
        count += len(ids)
        for job_id in ids:
            click.echo(json.dumps({"job": job_id}) if as_json else job_id)
    click.echo(f"{count} submitted", err=True)


@click.group()
def jobs() -> None:
    """List, show, wait for, cancel, retry and purge jobs."""


@jobs.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=int, help="Go on below this job id.")
@json_option
def list_(*, status: str | None, limit: int, before: int | None, as_json: bool) -> None:
    """List jobs, the newest first."""
    with open_database(read_settings().database_url).read() as session:
        found = list_jobs(session, status=Status(status) if status else None, limit=limit, before=before)
    print_jobs(found, as_json=as_json)


@jobs.command()
@click.argument("job", type=int)
@json_option
def show(*, job: int, as_json: bool) -> None:
    """Show one job and what came out of it."""
    with open_database(read_settings().database_url).read() as session:
        found = show_job(session, job)
    if as_json:
        print_json(found)
        return
    prediction = found.pop("prediction")
    print_table(f"job {job}", ("field", "value"), list(found.items()))
    if prediction:
        rows = [(label["level"], label["name"], label["confidence"]) for label in prediction["levels"]]
        print_table("prediction", ("level", "label", "confidence"), rows)
        decision = prediction["decision"]
        click.echo(f"decision: {' > '.join(decision['path']) or 'none'} ({decision['reason']})")


@jobs.command()
@click.argument("ids", type=int, nargs=-1, required=True)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), help="Seconds; by default as long as it takes.")
@json_option
def wait(*, ids: tuple[int, ...], timeout_s: float | None, as_json: bool) -> None:
    """Wait until the jobs with these IDS have ended."""
    database = open_database(read_settings().database_url)
    _known(database, ids)
    if not wait_for_jobs(database, list(ids), timeout_s, _WAIT_POLL_S):
        raise LookupFailedError(f"after {timeout_s:g} s some jobs are still open; is a `cladist worker` running?")
    print_jobs(_known(database, ids), as_json=as_json)


@jobs.command()
@click.argument("ids", type=int, nargs=-1, required=True)
def cancel(*, ids: tuple[int, ...]) -> None:
    """Cancel jobs that have not ended; what a worker still finds for one is thrown away."""
    database = open_database(read_settings().database_url)
    for job_id in ids:
        cancel_job(database, job_id)
        click.echo(f"{job_id} cancelled")


@jobs.command()
@click.argument("ids", type=int, nargs=-1, required=True)
def retry(*, ids: tuple[int, ...]) -> None:
    """Queue failed, dead or cancelled jobs again."""
    database = open_database(read_settings().database_url)
    for job_id in ids:
        retry_job(database, job_id)
        click.echo(f"{job_id} queued")


@click.command()
@click.option("--under", required=True, help="A node: its id, its path (A > B), or its name if only one has it.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--after", type=(float, int), help="CONFIDENCE ASSET_ID of the last asset of the page before.")
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


def _known(database: Database, ids: tuple[int, ...]) -> list[dict[str, Any]]:
    with database.read() as session:
        return jobs_of(session, ids)


jobs.add_command(dead)
jobs.add_command(purge)
