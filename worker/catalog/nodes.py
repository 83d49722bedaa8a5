"""Find a node of a stored release."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.db.tables import AliasRow, NodeRow
from worker.errors import LookupFailedError

_SOME = 3  # candidates that an ambiguous name is answered with


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
