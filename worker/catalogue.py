"""What the database knows of bundles and nodes; no model is loaded to ask it."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.errors import LookupFailedError
from worker.orm import BundleRow, NodeRow


def active_bundle(session: Session) -> BundleRow:
    """The bundle that new jobs get. Raises LookupFailedError when none was added."""
    row = session.scalar(select(BundleRow).where(BundleRow.active))
    if row is None:
        raise LookupFailedError("no bundle is active: run `cladist bundle add BUNDLE`")
    return row


def find_node(session: Session, release_id: int, wanted: str) -> NodeRow:
    """The node of that id, path or (if only one has it) name. Raises LookupFailedError."""
    row = session.get(NodeRow, (release_id, wanted))
    if row is not None:
        return row
    for column in (NodeRow.path, NodeRow.name):
        rows = session.scalars(select(NodeRow).where(NodeRow.release_id == release_id, column == wanted).limit(3)).all()
        if len(rows) == 1:
            return rows[0]
        if rows:
            paths = "; ".join(row.path for row in rows)
            raise LookupFailedError(f"several nodes are named {wanted!r}: {paths}: give the path or the id")
    raise LookupFailedError(f"no node has the id, path or name {wanted!r}")
