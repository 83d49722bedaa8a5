"""Make a release of a taxonomy known or active, as the catalog does it, with a record of it in the same transaction."""

from taxonomy import Taxonomy
from worker.audit.people import system_user
from worker.audit.records import ActivationRecord, append
from worker.catalog import releases
from worker.db.tables import EVERY_TENANT, ReleaseRow
from worker.db.transaction import Transaction


def add_release(
    tx: Transaction, taxonomy: Taxonomy, name: str | None = None, *, activate: bool = False, by: str | None = None
) -> ReleaseRow:
    """Make a release known under a taxonomy name, and active if asked, or if no other release of that name is.

    by: who does it; the user of the operating system where it is None. Raises SubmissionError when the release is known
    by another name.
    """
    row = releases.store_release(tx, taxonomy, name)
    if activate or releases.active_release(tx, row.name) is None:
        activate_release(tx, row, by=by)
    return row


def activate_release(tx: Transaction, row: ReleaseRow, *, by: str | None = None, is_rollback: bool = False) -> None:
    """Make a release the active one of its taxonomy name, once what is being stored in another is committed."""
    previous = releases.activate_release(tx, row)
    record = ActivationRecord(
        at=tx.now(),
        tenant=EVERY_TENANT,
        what="release",
        how="rollback" if is_rollback else "activate",
        name=row.name,
        version=row.release,
        previous=previous,
        by=by or system_user(),
    )
    append(tx, [record])
