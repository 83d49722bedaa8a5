"""`cladist submit`."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import click

from worker.cli.jobs.destination import queue_option, tenant_option
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_text
from worker.db.engine import open_database
from worker.dispatch.queues import Destination
from worker.jobs.addresses import asset_uri, checked_key
from worker.jobs.manifest import read_requests
from worker.jobs.submission import Request, submit_batch
from worker.settings import read_settings


@click.command()
@click.argument("uris", nargs=-1)
@click.option(
    "--manifest",
    type=file_type,
    help="A CSV with the column uri (or image), and perhaps name, key, tenant, queue; all others are metadata. "
    "- is standard input.",
)
@click.option("--name", help="Your own stable id of the asset; by default its URI. With one URI only.")
@click.option("--key", help="Idempotency key: the same key gives back the same job. With one URI only.")
@queue_option
@tenant_option
@json_option
def submit(
    *,
    uris: tuple[str, ...],
    manifest: Path | None,
    name: str | None,
    key: str | None,
    queue: str,
    tenant: str,
    as_json: bool,
) -> None:
    """Submit assets by their URIS, by --manifest, or both."""
    if not uris and manifest is None:
        raise click.UsageError("give URIs, or a --manifest")
    for option, value in (("name", name), ("key", key)):
        if value is None:
            continue
        if len(uris) != 1 or manifest is not None:
            raise click.UsageError(f"--{option} goes with exactly one URI; a manifest has a column '{option}'")
        checked_key(value, option)
    given = [Request(asset_uri(uri, Path.cwd()), key, name) for uri in uris]
    requests: Iterator[Request] = chain(given, read_requests(manifest) if manifest else ())
    count, batches = 0, set[int]()
    for jobs in submit_batch(open_database(read_settings().database_url), requests, Destination(queue, tenant)):
        count += len(jobs)
        batches.update(job.batch for job in jobs if job.batch is not None)
        for job in jobs:
            print_json(asdict(job)) if as_json else print_text(str(job.job))
    named = f", batch {', '.join(map(str, sorted(batches)))}" if batches else ""
    print_text(f"{count} submitted{named}", err=True)
