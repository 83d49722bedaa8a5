"""What the database knows of bundles and nodes; no model is loaded to ask it."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from worker.errors import LookupFailedError
from worker.orm import AliasRow, BundleRow, NodeRow, ReleaseRow

_SOME = 3  # candidates that an ambiguous name is answered with


def active_bundle(session: Session) -> BundleRow:
    """The bundle that new jobs get. Raises LookupFailedError when none was added."""
    row = session.scalar(select(BundleRow).where(BundleRow.active))
    if row is None:
        raise LookupFailedError("no bundle is active: run `cladist bundle add BUNDLE`")
    return row


def serving_release(session: Session, bundle_id: int) -> ReleaseRow:
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
    return session.scalars(serving.limit(1)).one()


def find_node(session: Session, release_id: int, wanted: str) -> NodeRow:
    """The node of that id or path, or the only one of that name or alias. Raises LookupFailedError."""
    row = session.get(NodeRow, (release_id, wanted))
    if row is not None:
        return row
    nodes = select(NodeRow).where(NodeRow.release_id == release_id)
    aliased = select(AliasRow.node_id).where(AliasRow.release_id == release_id, AliasRow.alias == wanted)
    for found in (NodeRow.path == wanted, NodeRow.name == wanted, NodeRow.node_id.in_(aliased)):
        rows = session.scalars(nodes.where(found).order_by(NodeRow.node_id).limit(_SOME)).all()
        if len(rows) == 1:
            return rows[0]
        if rows:
            paths = "; ".join(f"{row.path} ({row.node_id})" for row in rows)
            raise LookupFailedError(f"several nodes are named {wanted!r}: {paths}: give the path or the id")
    raise LookupFailedError(f"no node has the id, path, name or alias {wanted!r}")
