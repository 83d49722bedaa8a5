"""The store of taxonomy releases: import, list, activate, and find one by hash, name or file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, inspect, select, update

from taxonomy import Taxonomy, canonical_json, read_taxonomy, release
from taxonomy.formats.registry import get_format
from worker.db.statements.locks import lock_serving_release
from worker.db.tables import DEFAULT_TAXONOMY, AliasRow, NodeRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError, SubmissionError

_MIN_PREFIX = 6  # hexadecimal digits that name a release
_CHUNK = 5000  # rows in one statement


def store_release(tx: Transaction, taxonomy: Taxonomy, name: str | None = None) -> ReleaseRow:
    """Make a release known under a taxonomy name.

    The default name is the one it is known by, else `default`. Raises SubmissionError when it is known by another name.
    """
    content = release(taxonomy)
    row = tx.scalar(select(ReleaseRow).where(ReleaseRow.release == content))
    if row is not None and name is not None and row.name != name:
        raise SubmissionError(f"release {content[:12]} is known as a release of {row.name!r}, not of {name!r}")
    if row is None:
        row = ReleaseRow(
            release=content,
            taxonomy=canonical_json(taxonomy),
            created_at=tx.now(),
            name=name or DEFAULT_TAXONOMY,
            active=False,
        )
        tx.add(row)
        tx.flush()
        _insert_nodes(tx, row.id, taxonomy)
    return row


def activate_release(tx: Transaction, row: ReleaseRow) -> str | None:
    """Make a release the active one of its taxonomy name, once what is being stored in another is committed.

    Returns the release that was. To be called by `worker.audit.activations`, which records it.
    """
    lock_serving_release(tx, row.name)
    previous = tx.scalar(select(ReleaseRow.release).where(ReleaseRow.name == row.name, ReleaseRow.active))
    tx.execute(update(ReleaseRow).where(ReleaseRow.name == row.name, ReleaseRow.active).values(active=False))
    tx.execute(update(ReleaseRow).where(ReleaseRow.id == row.id).values(active=True))
    tx.refresh(row)
    return previous


def active_release(tx: Transaction, name: str) -> ReleaseRow | None:
    """The active release of a taxonomy name; None where there is none."""
    return tx.scalar(select(ReleaseRow).where(ReleaseRow.name == name, ReleaseRow.active))


def list_releases(tx: Transaction) -> Iterator[dict[str, Any]]:
    """Yield all releases, by name and age, with the count of their nodes."""
    counts = select(NodeRow.release_id, func.count().label("nodes")).group_by(NodeRow.release_id).subquery()
    columns = (ReleaseRow.name, ReleaseRow.release, ReleaseRow.active, ReleaseRow.created_at)
    rows = tx.execute(
        select(*columns, counts.c.nodes)
        .join(counts, counts.c.release_id == ReleaseRow.id)
        .order_by(ReleaseRow.name, ReleaseRow.id)
    )
    for name, content, active, created_at, nodes in rows:
        yield {
            "name": name,
            "release": content,
            "nodes": nodes,
            "active": active,
            "imported_at": created_at.isoformat(),
        }


def find_release(tx: Transaction, wanted: str) -> ReleaseRow:
    """A release by at least six digits of its hash, by a taxonomy name (its active one), or by a file that holds it.

    Raises LookupFailedError, TaxonomyError.
    """
    named = active_release(tx, wanted)
    if named is not None:
        return named
    digits = wanted.lower()
    if len(digits) >= _MIN_PREFIX and set(digits) <= set("0123456789abcdef"):
        query = select(ReleaseRow).where(ReleaseRow.release.startswith(digits)).limit(2)
        found = tx.scalars(query).all()
        if len(found) == 1:
            return found[0]
        if found:
            raise LookupFailedError(f"several releases begin with {wanted!r}: give more digits")
    if Path(wanted).exists():
        row = find_or_read_release(tx, wanted)
        if not is_stored(row):
            raise LookupFailedError("its release was not imported: run `cladist taxonomy import`", source=wanted)
        return row
    raise LookupFailedError(
        f"no release is named {wanted!r}: give at least {_MIN_PREFIX} digits of its hash, a taxonomy name, or a file"
    )


def find_or_read_release(tx: Transaction, wanted: str) -> ReleaseRow:
    """A stored release, or that of a file; one that was not imported yet is a row without a number, and not stored.

    Raises LookupFailedError, TaxonomyError.
    """
    if not Path(wanted).exists():
        return find_release(tx, wanted)
    read = read_taxonomy(wanted)
    content = release(read)
    row = tx.scalar(select(ReleaseRow).where(ReleaseRow.release == content))
    return row or ReleaseRow(release=content, taxonomy=canonical_json(read))


def is_stored(row: ReleaseRow) -> bool:
    """Whether a release is in the database, and was not only read from a file."""
    return not inspect(row).transient


def stored_taxonomy(row: ReleaseRow) -> Taxonomy:
    """The taxonomy of a release, as it was imported."""
    return get_format("canonical-json").parse(row.taxonomy, f"release {row.release[:12]}")


def _insert_nodes(tx: Transaction, release_id: int, taxonomy: Taxonomy) -> None:
    nodes = [
        {
            "release_id": release_id,
            "node_id": node.id,
            "name": node.name,
            "path": taxonomy.path_text(node.id),
            "level": taxonomy.levels[node.id],
        }
        for node in taxonomy
    ]
    aliases = [
        {"release_id": release_id, "alias": alias, "node_id": node.id}
        for node in taxonomy
        for alias in node.other_names
    ]
    for table, rows in ((NodeRow, nodes), (AliasRow, aliases)):
        for start in range(0, len(rows), _CHUNK):
            tx.execute(insert(table), rows[start : start + _CHUNK])
