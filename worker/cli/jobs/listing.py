"""`cladist jobs list`, `show` and `wait`."""

from typing import Any

import click

from worker.cli.options import FiniteRange, id_type, json_option
from worker.cli.output import print_batch, print_jobs, print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.errors import LookupFailedError
from worker.jobs.batches import FAILURES, failed_jobs, show_batch, wait_for_batch
from worker.jobs.queries import jobs_of, list_jobs, show_job, wait_for_jobs
from worker.settings import read_settings
from worker.states import Status

_WAIT_POLL_S = 0.2
_NAMED = 1000  # failed jobs of a batch that are named at most


@click.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--batch", type=id_type, help="Only those of one submission.")
@click.option("--before", type=id_type, help="Go on below this job id.")
@json_option
def list_(*, status: str | None, batch: int | None, limit: int, before: int | None, as_json: bool) -> None:
    """List jobs, the newest first."""
    with open_database(read_settings().database_url).read() as session:
        chosen = Status(status) if status else None
        found = list_jobs(session, status=chosen, batch=batch, limit=limit, before=before)
    print_jobs(found, as_json=as_json)


@click.command()
@click.argument("job", type=id_type)
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
        if names := prediction.get("hash_lists"):
            print_text(f"known content: {', '.join(names)}")
        decision = prediction["decision"]
        print_text(f"decision: {' > '.join(decision['path']) or 'none'} ({decision['reason']})")


@click.command()
@click.argument("ids", type=id_type, nargs=-1)
@click.option("--batch", type=id_type, help="All jobs of one submission.")
@click.option("--timeout", "timeout_s", type=FiniteRange(0, 1e9), help="Seconds; by default as long as it takes.")
@json_option
def wait(*, ids: tuple[int, ...], batch: int | None, timeout_s: float | None, as_json: bool) -> None:
    """Wait until the jobs with these IDS, or those of a --batch, have ended.

    Exits with 1 when any of them failed or is dead.
    """
    if bool(ids) == (batch is not None):
        raise click.UsageError("give the IDS of jobs, or a --batch")
    database = open_database(read_settings().database_url)
    if batch is None:
        has_failed = _wait_for_jobs(database, ids, timeout_s, as_json=as_json)
    else:
        has_failed = _wait_for_batch(database, batch, timeout_s, as_json=as_json)
    if has_failed:
        raise click.exceptions.Exit(1)


def _wait_for_jobs(database: Database, ids: tuple[int, ...], timeout_s: float | None, *, as_json: bool) -> bool:
    """Print the jobs when they have ended; whether any failed."""
    _known(database, ids)
    if not wait_for_jobs(database, list(ids), timeout_s, _WAIT_POLL_S):
        raise _late(timeout_s)
    ended = _known(database, ids)
    print_jobs(ended, as_json=as_json)
    return any(job["status"] in FAILURES for job in ended)


def _wait_for_batch(database: Database, batch: int, timeout_s: float | None, *, as_json: bool) -> bool:
    """Print the batch when it has ended, with the ids of jobs that failed; whether there are any."""
    if not wait_for_batch(database, batch, timeout_s, _WAIT_POLL_S):
        raise _late(timeout_s)
    with database.read() as session:
        found, failed = show_batch(session, batch), failed_jobs(session, batch, _NAMED)
    print_batch({**found, "failed_jobs": failed}, as_json=as_json)
    return bool(failed)


def _late(timeout_s: float | None) -> LookupFailedError:
    return LookupFailedError(f"after {timeout_s:g} s some jobs are still open; is a `cladist worker` running?")


def _known(database: Database, ids: tuple[int, ...]) -> list[dict[str, Any]]:
    with database.read() as session:
        return jobs_of(session, ids)
