"""`cladist webhooks`."""

import click

from worker.cli.options import id_type, json_option
from worker.cli.output import print_file, print_json, print_table, print_text
from worker.db.engine import Database, open_database
from worker.settings import read_settings
from worker.states import DeliveryStatus, EventKind
from worker.webhooks import deliveries as log
from worker.webhooks import endpoints
from worker.webhooks.endpoints import Registered, Wanted
from worker.webhooks.post import Poster

_COLUMNS = ("id", "tenant", "url", "events", "under", "queue", "failures", "message", "disabled_at")
_LOG_COLUMNS = ("delivery", "event", "type", "status", "attempt", "answer_status", "answer", "due_at")
_MAX_QUEUE_CHARS = 64


@click.group()
def webhooks() -> None:
    """Send the events of a tenant to an address, signed."""


@webhooks.command()
@click.argument("url")
@click.option("--tenant", required=True, help="Whose events.")
@click.option(
    "--event",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in EventKind]),
    help="Only this kind; repeatable.",
)
@click.option("--under", metavar="NODE", help="Only what was decided to be NODE, or under it.")
@click.option("--queue", help="Only what was routed to this review queue.")
@json_option
def add(*, url: str, tenant: str, kinds: tuple[str, ...], under: str | None, queue: str | None, as_json: bool) -> None:
    """Send events from now on to URL; prints the secret of the signatures, which is not shown again."""
    if queue is not None and not 0 < len(queue) <= _MAX_QUEUE_CHARS:
        raise click.UsageError(f"--queue: 1 to {_MAX_QUEUE_CHARS} characters")
    wanted = Wanted([EventKind(kind) for kind in kinds], under, queue)
    with _database().write() as tx:
        added = endpoints.add_webhook(tx, url, tenant, wanted, read_settings())
    _print_secret(added, as_json=as_json)


@webhooks.command("list")
@click.option("--tenant", help="Only those of this tenant.")
@json_option
def list_(*, tenant: str | None, as_json: bool) -> None:
    """List the webhooks, and what went wrong last."""
    with _database().read() as tx:
        found = endpoints.list_webhooks(tx, tenant)
    if as_json:
        for webhook in found:
            print_json(webhook)
        return
    for webhook in found:
        webhook["events"] = " ".join(webhook["events"])
    print_table("webhooks", _COLUMNS, [[webhook[column] for column in _COLUMNS] for webhook in found])


@webhooks.command()
@click.argument("webhook", metavar="ID", type=id_type)
@json_option
def show(*, webhook: int, as_json: bool) -> None:
    """Show the webhook ID, and for how long its first delivery waits."""
    with _database().read() as tx:
        found = endpoints.show_webhook(tx, webhook)
    print_json(found) if as_json else print_table(
        f"webhook {webhook}", ("", ""), [list(each) for each in found.items()]
    )


@webhooks.command()
@click.argument("webhook", metavar="ID", type=id_type)
@json_option
def rotate(*, webhook: int, as_json: bool) -> None:
    """Give the webhook ID a new secret; the one of before signs beside it for 24 hours."""
    with _database().write() as tx:
        rotated = endpoints.rotate_secret(tx, webhook)
    _print_secret(rotated, as_json=as_json)


@webhooks.command()
@click.argument("webhook", metavar="ID", type=id_type)
@json_option
def remove(*, webhook: int, as_json: bool) -> None:
    """Remove the webhook ID with all its deliveries."""
    endpoints.remove_webhook(_database(), webhook)
    print_json({"removed": webhook}) if as_json else print_text(f"webhook {webhook} is removed")


@webhooks.command()
@click.argument("webhook", metavar="ID", type=id_type)
@json_option
@click.pass_context
def test(context: click.Context, *, webhook: int, as_json: bool) -> None:
    """Send a webhook.test to the webhook ID now; exits with 1 unless it is taken."""
    found = log.send_test(_database(), Poster(read_settings()), webhook)
    if as_json:
        print_json(found)
    else:
        print_text(f"{found['status']}: {found['answer_status'] or 'no answer'} {found['answer']}".rstrip())
    if found["status"] != DeliveryStatus.DELIVERED:
        context.exit(1)


@webhooks.command("deliveries")
@click.argument("webhook", metavar="ID", type=id_type)
@click.option("--failed", is_flag=True, help="Only what was given up.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--before", type=id_type, help="The delivery at which the page before ended.")
@json_option
def deliveries_(*, webhook: int, failed: bool, limit: int, before: int | None, as_json: bool) -> None:
    """List what was sent to the webhook ID, the newest first."""
    with _database().read() as tx:
        found = log.list_deliveries(tx, webhook, failed=failed, limit=limit, before=before)
    if as_json:
        for delivery in found:
            print_json(delivery)
        return
    print_table("deliveries", _LOG_COLUMNS, [[each[column] for column in _LOG_COLUMNS] for each in found])


@webhooks.command()
@click.argument("delivery", type=id_type)
@json_option
def redeliver(*, delivery: int, as_json: bool) -> None:
    """Let a worker send DELIVERY again, under the webhook-id that it had."""
    with _database().write() as tx:
        found = log.redeliver(tx, delivery)
    print_json(found) if as_json else print_text(f"delivery {delivery} is due")


def _print_secret(found: Registered, *, as_json: bool) -> None:
    """The one place where a secret is printed."""
    if as_json:
        print_json({"id": found.id, "secret": found.secret})
    else:
        print_text(f"webhook {found.id}; its secret, which is not shown again:")
        print_file(f"{found.secret}\n")


def _database() -> Database:
    return open_database(read_settings().database_url)
