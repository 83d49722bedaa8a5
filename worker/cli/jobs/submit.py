"""`cladist submit`."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from worker.cli.jobs.destination import queue_option, tenant_option
from worker.cli.options import file_type, json_option
from worker.db.engine import open_database
from worker.dispatch.queues import Destination
from worker.errors import SubmissionError
from worker.jobs.submission import Request, asset_uri, read_requests
from worker.jobs.submission import submit as submit_requests
from worker.settings import read_settings


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
