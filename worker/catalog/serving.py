"""Which bundle new jobs get, and the release that its answers are given in."""

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from worker.db.tables import BundleRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError


def active_bundle(tx: Transaction) -> BundleRow:
    """The bundle that new jobs get. Raises LookupFailedError when none was added."""
    row = tx.scalar(select(BundleRow).where(BundleRow.active))
    if row is None:
        raise LookupFailedError("no bundle is active: run `cladist bundle add BUNDLE`")
    return row


def find_bundle(tx: Transaction, model: str) -> BundleRow:
    """The bundle of an exact version. Raises LookupFailedError."""
    row = tx.scalar(select(BundleRow).where(BundleRow.model == model))
    if row is None:
        raise LookupFailedError(f"no bundle is known as {model!r:.200}")
    return row


def serving_release(tx: Transaction, bundle_id: int) -> ReleaseRow:
    """The release that a bundle's answers are given in: the active one of the taxonomy that it was trained on.

    Where none of them is active it is its own.
    """
    own = aliased(ReleaseRow)
    trained_on = (
        select(own.id, own.name).join(BundleRow, BundleRow.release_id == own.id).where(BundleRow.id == bundle_id)
    )
    wanted = trained_on.subquery()
    same = select(ReleaseRow).join(wanted, wanted.c.name == ReleaseRow.name)
    serving = same.where(or_(ReleaseRow.active, ReleaseRow.id == wanted.c.id)).order_by(ReleaseRow.active.desc())
    return tx.scalars(serving.limit(1)).one()
