"""`cladist policy replay`."""

from datetime import datetime
from pathlib import Path

import click

from classifier.files import replace_file
from taxonomy.errors import CladistError, first_line
from worker.cli.options import file_type, json_option
from worker.cli.output import print_json, print_table, print_text
from worker.cli.policies.versions import tenant_option
from worker.cli.progress import progress_bars
from worker.cli.times import since_option
from worker.db.engine import open_database
from worker.policies.replay import Question, replay
from worker.policies.replay_report import replay_dict, replay_page
from worker.policies.versions import find_policy, policy_text, tenants_of
from worker.settings import read_settings


@click.command("replay")
@click.argument("before")
@click.argument("after")
@tenant_option
@since_option
@click.option("--queue", help="Only what is, or would be, in this review queue.")
@click.option("--sample", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Flips that are shown.")
@click.option("--report", type=file_type, help="Write a page with a picture of what goes where.")
@json_option
def replay_command(
    *,
    before: str,
    after: str,
    tenant: str | None,
    since: datetime | None,
    queue: str | None,
    sample: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Route all stored predictions by the versions BEFORE and AFTER, and say every routing that would flip."""
    database = open_database(read_settings().database_url)
    with database.read() as tx:
        old, new = (find_policy(tx, each, tenant) for each in (before, after))
        names = policy_text(old), policy_text(new)
        owners = tenants_of(tx, new)
        question = Question(old.id, new.id, since, queue, sample, *owners)
    with progress_bars(hidden=as_json) as progress:
        found = replay(database, question, lambda done, all_: progress("replay", done, all_, "job ids"))
    if report is not None:
        try:
            replace_file(report, replay_page(found, *names).encode())
        except OSError as error:
            raise CladistError(first_line(error), source=report) from None
    said = replay_dict(found)
    if as_json:
        print_json(said)
        return
    rows = [(each["before"], each["after"], each["jobs"]) for each in said["by_queue"]]
    print_table(f"{names[0]} -> {names[1]}", ("before", "after", "jobs"), rows)
    rules = [
        (each["before"], each["after"], each["jobs"]) for each in said["by_rule"] if each["before"] != each["after"]
    ]
    if rules:
        print_table("rules that differ", ("before", "after", "jobs"), rules)
    shown = [(flip["job"], flip["name"], flip["before"]["rule"], flip["after"]["rule"]) for flip in said["sample"]]
    if shown:
        print_table("some that flip", ("job", "name", "before", "after"), shown)
    a_day = said["reviews_per_day"]
    print_text(
        f"{said['flips']} of {said['jobs']} jobs flip; reviews a day: {a_day['before']:.1f} -> {a_day['after']:.1f}"
    )
