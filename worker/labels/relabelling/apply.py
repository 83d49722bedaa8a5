"""Apply a relabelling, batch by batch, and roll it back; both go on where a kill left them.

The rows of the old release are never touched: what is written are rows of the new release, each marked with the
relabelling that wrote it. A batch and the cursor that says how far the work has come are one transaction, under a lock
on the relabelling's row, so that two processes share the work instead of doubling it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select

from taxonomy.changes.diff import Difference, diff
from taxonomy.changes.mapping import NodeMapping
from worker.audit.activations import activate_release
from worker.catalog.releases import active_release, stored_taxonomy
from worker.db.engine import Database
from worker.db.statements.locks import lock_serving_release
from worker.db.statements.rows import insert_into
from worker.db.tables import JobRow, LabelRow, RelabellingRow, ReleaseRow, ReviewRow
from worker.db.transaction import Transaction
from worker.errors import InvalidMoveError, LookupFailedError
from worker.labels.relabelling.batches import carried, next_assets
from worker.labels.relabelling.carry import Carrying
from worker.policies.mapped_nodes import forget_mapped
from worker.states import RelabellingStatus, Status

BATCH_ASSETS = 1000
_CHUNK = 5000

OnProgress = Callable[[int], None]  # told how many assets are done


def _ignore(_done: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a relabelling has done in all, over all its runs; `changed` is whether this run did any of it."""

    relabelling: int
    assets: int
    labels: int
    reviews: int
    changed: bool


def difference_of(before: ReleaseRow, after: ReleaseRow, mapping: NodeMapping) -> Difference:
    """What changed between two stored releases."""
    return diff(stored_taxonomy(before), stored_taxonomy(after), mapping)


def apply_relabelling(
    database: Database,
    from_id: int,
    to_id: int,
    mapping: NodeMapping,
    *,
    batch: int = BATCH_ASSETS,
    on_progress: OnProgress = _ignore,
    by: str | None = None,
) -> Outcome:
    """Move all labels of one release to the other, then activate the other.

    by: who does it; the user of the operating system where it is None. Goes on with a run that was cut off; when all is
    done already, changes nothing. Raises InvalidMoveError when a run under way was started with another mapping, or is
    being rolled back.
    """
    with database.write() as tx:
        row, is_new = _open(tx, from_id, to_id, mapping)
        number, done = row.id, row.status == RelabellingStatus.APPLIED
    if not done:
        carrying = Carrying(_difference(database, from_id, to_id, mapping))
        while _step(database, number, carrying, batch, by):
            on_progress(_outcome(database, number, changed=True).assets)
    return _outcome(database, number, changed=is_new or not done)


def rollback_relabelling(
    database: Database, from_id: int, to_id: int, *, batch: int = BATCH_ASSETS, by: str | None = None
) -> Outcome:
    """Take back all that the relabelling between two releases wrote, and activate what was active before it.

    Raises LookupFailedError when there is none to take back, InvalidMoveError when a later one builds on it.
    """
    with database.write() as tx:
        row = _newest(tx, from_id, to_id, lock=True)
        if row is None:
            raise LookupFailedError("no relabelling between these releases is applied: there is nothing to roll back")
        later = _newest(tx, to_id, None)
        if later is not None and row.status != RelabellingStatus.ROLLING_BACK:
            raise InvalidMoveError(f"relabelling {later.id} moved these labels on: roll that back first")
        number = row.id
        if row.status != RelabellingStatus.ROLLING_BACK:
            row.status, row.cursor_asset_id = RelabellingStatus.ROLLING_BACK, 0
            forget_mapped(tx, to_id)
    while _unstep(database, number, batch, by):
        pass
    return _outcome(database, number, changed=True)


def _open(tx: Transaction, from_id: int, to_id: int, mapping: NodeMapping) -> tuple[RelabellingRow, bool]:
    said = json.dumps({old: list(new) for old, new in sorted(mapping.targets.items())})
    if from_id == to_id:
        raise InvalidMoveError("both releases are the same: there is nothing to move")
    row = _newest(tx, from_id, to_id, lock=True)
    if row is None:  # what is being stored now is waited for: what ends later than `created_at` is carried at the end
        lock_serving_release(tx, tx.get_one(ReleaseRow, to_id).name)
        row = _newest(tx, from_id, to_id)
    if row is None:
        forget_mapped(tx, to_id)
        row = RelabellingRow(
            from_release_id=from_id,
            to_release_id=to_id,
            mapping=said,
            status=RelabellingStatus.RUNNING,
            created_at=tx.now(),
        )
        tx.add(row)
        tx.flush()
        return row, True
    if row.status == RelabellingStatus.ROLLING_BACK:
        raise InvalidMoveError(f"relabelling {row.id} is being rolled back: run `cladist taxonomy rollback` to its end")
    if row.mapping != said:
        raise InvalidMoveError(f"relabelling {row.id} was started with another mapping: give the same, or roll it back")
    return row, False


def newest_relabelling(tx: Transaction, from_id: int, to_id: int) -> RelabellingRow | None:
    """The last relabelling between two releases that is not rolled back; None where there is none."""
    return _newest(tx, from_id, to_id)


def _newest(tx: Transaction, from_id: int, to_id: int | None, *, lock: bool = False) -> RelabellingRow | None:
    query = select(RelabellingRow).where(
        RelabellingRow.from_release_id == from_id, RelabellingRow.status != RelabellingStatus.ROLLED_BACK
    )
    if to_id is not None:
        query = query.where(RelabellingRow.to_release_id == to_id)
    query = query.order_by(RelabellingRow.id.desc()).limit(1)
    return tx.scalar(query.with_for_update() if lock else query)


def _difference(database: Database, from_id: int, to_id: int, mapping: NodeMapping) -> Difference:
    """What changed between two releases; nobody waits for a lock meanwhile."""
    with database.read() as tx:
        before, after = (tx.get_one(ReleaseRow, release_id) for release_id in (from_id, to_id))
        for row in (before, after):
            tx.refresh(row, ["taxonomy"])  # it is deferred
    return difference_of(before, after, mapping)


def _step(database: Database, number: int, carrying: Carrying, batch: int, by: str | None) -> bool:
    """Move one batch of assets; False when there is none left, and the new release is active."""
    with database.write() as tx:
        row = tx.get_one(RelabellingRow, number, with_for_update=True)
        if row.status != RelabellingStatus.RUNNING:
            return False
        assets = next_assets(tx, row.from_release_id, row.cursor_asset_id, batch)
        if not assets:
            _finish(tx, row, carrying, by)
            return False
        _write(tx, row, assets, carrying)
        row.cursor_asset_id = assets[-1]
        row.asset_count += len(assets)
        return True


def _finish(tx: Transaction, row: RelabellingRow, carrying: Carrying, by: str | None) -> None:
    """Carry anew what workers have labelled on the old release since the work began, and activate the new one."""
    new = tx.get_one(ReleaseRow, row.to_release_id)
    lock_serving_release(tx, new.name)
    late = select(JobRow.asset_id).where(JobRow.finished_at >= row.created_at, JobRow.status == Status.SUCCEEDED)
    for asset_id in tx.scalars(late.distinct().order_by(JobRow.asset_id)).all():
        written = (LabelRow.relabelling_id == row.id, LabelRow.asset_id == asset_id)
        row.label_count -= tx.scalar(select(func.count()).select_from(LabelRow).where(*written)) or 0
        tx.execute(delete(LabelRow).where(*written))
        tx.execute(delete(ReviewRow).where(ReviewRow.relabelling_id == row.id, ReviewRow.asset_id == asset_id))
        _write(tx, row, [asset_id], carrying)
    previous = active_release(tx, new.name)
    row.previous_release_id = previous.id if previous is not None else None
    row.status, row.finished_at = RelabellingStatus.APPLIED, tx.now()
    activate_release(tx, new, by=by)


def _write(tx: Transaction, row: RelabellingRow, assets: Sequence[int], carrying: Carrying) -> None:
    labels, reviews = carried(tx, row, assets, carrying)
    for table, rows in ((LabelRow, labels), (ReviewRow, reviews)):
        for start in range(0, len(rows), _CHUNK):
            tx.execute(insert_into(tx, table).on_conflict_do_nothing(), rows[start : start + _CHUNK])
    row.label_count += len(labels)


def _unstep(database: Database, number: int, batch: int, by: str | None) -> bool:
    with database.write() as tx:
        row = tx.get_one(RelabellingRow, number, with_for_update=True)
        if row.status != RelabellingStatus.ROLLING_BACK:
            return False
        ids = select(LabelRow.asset_id).where(LabelRow.relabelling_id == number).distinct()
        assets = tx.scalars(ids.order_by(LabelRow.asset_id).limit(batch)).all()
        if assets:
            written = (LabelRow.relabelling_id == number, LabelRow.asset_id.between(assets[0], assets[-1]))
            tx.execute(delete(LabelRow).where(*written))
            return True
        tx.execute(delete(ReviewRow).where(ReviewRow.relabelling_id == number))
        row.status, row.finished_at = RelabellingStatus.ROLLED_BACK, tx.now()
        if tx.get_one(ReleaseRow, row.to_release_id).active:
            before = tx.get_one(ReleaseRow, row.previous_release_id or row.from_release_id)
            activate_release(tx, before, by=by, is_rollback=True)
        return False


def _outcome(database: Database, number: int, *, changed: bool) -> Outcome:
    with database.read() as tx:
        row = tx.get_one(RelabellingRow, number)
        reviews = tx.scalar(select(func.count()).where(ReviewRow.relabelling_id == number)) or 0
        return Outcome(number, row.asset_count, row.label_count, reviews, changed)


def list_reviews(tx: Transaction, number: int, *, limit: int, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the assets that a relabelling lists for review, by asset id; `after` is the last one of the page before."""
    query = select(ReviewRow).where(ReviewRow.relabelling_id == number, ReviewRow.asset_id > after)
    for row in tx.scalars(query.order_by(ReviewRow.asset_id, ReviewRow.node_id).limit(limit)):
        yield {"asset_id": row.asset_id, "node": row.node_id, "change": row.change}
