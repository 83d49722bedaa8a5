"""`cladist jobs list`, `show` and `wait`."""

from typing import Any

import click

from worker.cli.options import FiniteRange, id_type, json_option
from worker.cli.output import print_jobs, print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.errors import LookupFailedError
from worker.jobs.queries import jobs_of, list_jobs, show_job, wait_for_jobs
from worker.settings import read_settings
from worker.states import Status

_WAIT_POLL_S = 0.2


@click.command("list")
@click.option("--status", type=click.Choice([status.value for status in Status]))
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=id_type, help="Go on below this job id.")
@json_option
def list_(*, status: str | None, limit: int, before: int | None, as_json: bool) -> None:
    """List jobs, the newest first."""
    with open_database(read_settings().database_url).read() as session:
        found = list_jobs(session, status=Status(status) if status else None, limit=limit, before=before)
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
        decision = prediction["decision"]
        print_text(f"decision: {' > '.join(decision['path']) or 'none'} ({decision['reason']})")


@click.command()
@click.argument("ids", type=id_type, nargs=-1, required=True)
@click.option("--timeout", "timeout_s", type=FiniteRange(0, 1e9), help="Seconds; by default as long as it takes.")
@json_option
def wait(*, ids: tuple[int, ...], timeout_s: float | None, as_json: bool) -> None:
    """Wait until the jobs with these IDS have ended."""
    database = open_database(read_settings().database_url)
    _known(database, ids)
    if not wait_for_jobs(database, list(ids), timeout_s, _WAIT_POLL_S):
        raise LookupFailedError(f"after {timeout_s:g} s some jobs are still open; is a `cladist worker` running?")
    print_jobs(_known(database, ids), as_json=as_json)


def _known(database: Database, ids: tuple[int, ...]) -> list[dict[str, Any]]:
    with database.read() as session:
        return jobs_of(session, ids)
