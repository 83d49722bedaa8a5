"""`cladist top`."""

import time
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from worker.cli.options import FiniteRange, json_option
from worker.cli.output import print_json
from worker.db.engine import Database, open_database
from worker.db.statements.counts import COUNTED
from worker.dispatch.queues import list_queues
from worker.errors import DatabaseError
from worker.monitoring.job_stats import read_job_stats, read_rates, read_workers
from worker.settings import read_settings
from worker.telemetry.redaction import safe_message, visible

_LONG_S = 100.0
_STATUS_COLUMNS = ("queued", "running", "succeeded", "failed", "dead")


@click.command()
@click.option("--once", is_flag=True, help="Print one look and end.")
@click.option("--every", "every_s", type=FiniteRange(0.2, 86_400), default=2.0, show_default=True, help="Seconds.")
@json_option
def top(*, once: bool, every_s: float, as_json: bool) -> None:
    """Show jobs, rates, queues and workers, again and again until Ctrl-C; with --json one object a line.

    Counts stop at 10,000, and rates are those of the last minute: a look costs the same on any number of jobs.
    """
    with closing(open_database(read_settings().database_url)) as database:
        if once:
            seen = look(database)
            print_json(seen) if as_json else Console().print(_view(database.name, seen))
        elif as_json:
            _print_lines(database, every_s)
        else:
            _show_live(database, every_s)


def look(database: Database) -> dict[str, Any]:
    """One look, as `--json` prints it."""
    with database.read() as session:
        stats = read_job_stats(session)
        rates = read_rates(session)
        workers = [asdict(worker) for worker in read_workers(session)]
        queues = list_queues(session)
    return {
        "counts": stats.counts,
        "rates_per_s": {status: round(rate, 3) for status, rate in rates.items()},
        "oldest_pending_s": round(stats.oldest_pending_s, 3),
        "outbox_lag_s": round(stats.outbox_lag_s, 3),
        "queues": queues,
        "workers": [{**worker, "lease_left_s": round(worker["lease_left_s"], 3)} for worker in workers],
    }


def _print_lines(database: Database, every_s: float) -> None:
    while True:
        print_json(look(database))
        time.sleep(every_s)


def _show_live(database: Database, every_s: float) -> None:
    seen = look(database)
    with Live(_view(database.name, seen), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            try:
                seen, trouble = look(database), ""
            except DatabaseError as error:  # the last look stays until the database is back
                trouble = str(error)
            live.update(_view(database.name, seen, trouble), refresh=True)


def _view(name: str, seen: dict[str, Any], trouble: str = "") -> Group:
    head = Text(f"{time.strftime('%H:%M:%S')}  {safe_message(name)}", style="bold")
    parts: list[Table | Text] = [head, _jobs(seen), _waits(seen)]
    parts.append(_queues(seen["queues"]))
    parts.append(_workers(seen["workers"]) if seen["workers"] else Text("no worker holds a job", style="dim"))
    if trouble:
        parts.append(Text(safe_message(trouble), style="bold red"))
    return Group(*parts)


def _jobs(seen: dict[str, Any]) -> Table:
    table = Table(header_style="bold")
    for column in ("", *_STATUS_COLUMNS):
        table.add_column(column, justify="right")
    table.add_row("jobs", *(_count(seen["counts"].get(status)) for status in _STATUS_COLUMNS))
    table.add_row("a second", *(_rate(seen["rates_per_s"].get(status)) for status in _STATUS_COLUMNS))
    return table


def _waits(seen: dict[str, Any]) -> Text:
    return Text(f"oldest pending {_age(seen['oldest_pending_s'])}, outbox lag {_age(seen['outbox_lag_s'])}")


def _queues(queues: list[dict[str, Any]]) -> Table:
    table = Table(title="queues", title_justify="left", header_style="bold")
    for column in ("queue", "priority", "weight", "jobs/s at most", "waiting"):
        table.add_column(column, justify="left" if column == "queue" else "right", overflow="fold")
    for queue in queues:
        shown = visible(queue["queue"])
        name = Text(f"{shown} (paused)", style="yellow") if queue["paused"] else Text(shown)
        limit = "" if queue["rate_per_s"] is None else f"{queue['rate_per_s']:g}"
        table.add_row(name, str(queue["priority"]), f"{queue['weight']:g}", limit, _count(queue["waiting"]))
    return table


def _workers(workers: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{len(workers)} workers at work", title_justify="left", header_style="bold")
    for column in ("worker", "jobs", "retries", "lease ends in"):
        table.add_column(column, justify="left" if column == "worker" else "right", overflow="fold")
    for worker in workers:
        left = worker["lease_left_s"]
        lease = Text(f"{left:.0f} s") if left >= 0 else Text(f"ended {-left:.0f} s ago", style="bold red")
        table.add_row(Text(visible(worker["worker"])), str(worker["jobs"]), str(worker["retries"]), lease)
    return table


def _count(count: int | None) -> str:
    if count is None:
        return ""
    return f"{COUNTED:,}+" if count >= COUNTED else f"{count:,}"


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1f}"


def _age(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _LONG_S else str(timedelta(seconds=round(seconds)))
