"""Assets by their names: made known where they are not, and moved where their URI is another now."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select, update

from worker.db.statements.rows import add_missing_assets, is_any_of
from worker.db.tables import AssetRow
from worker.db.transaction import Transaction


class Naming(NamedTuple):
    """A tenant's name for an asset, and where the asset lies."""

    tenant_id: int
    name: str
    uri: str


def asset_ids(tx: Transaction, wanted: Sequence[Naming]) -> dict[tuple[int, str], int]:
    """The numbers of assets by tenant and name. Of several URIs for one name the last one stays.

    Missing ones are inserted in the order of their names, and then known ones changed in the order of their ids, in
    which the store holds assets: no two transactions wait in a circle.
    """
    places = {(naming.tenant_id, naming.name): naming.uri for naming in wanted}
    if not places:
        return {}
    add_missing_assets(tx, [(tenant_id, name, uri) for (tenant_id, name), uri in places.items()])
    names = {name for _, name in places}
    tenants = sorted({tenant_id for tenant_id, _ in places})
    known = tx.execute(
        select(AssetRow.id, AssetRow.tenant_id, AssetRow.name, AssetRow.uri)
        .where(AssetRow.tenant_id.in_(tenants), is_any_of(tx, AssetRow.name, names))
        .order_by(AssetRow.id)
    ).all()
    found = {(row.tenant_id, row.name): row for row in known if (row.tenant_id, row.name) in places}
    moved = [{"asset": row.id, "place": places[key]} for key, row in found.items() if row.uri != places[key]]
    if moved:
        table = AssetRow.__table__
        tx.connection().execute(
            update(table).where(table.c.id == bindparam("asset")).values(uri=bindparam("place")),  # type: ignore[arg-type] # a Table
            moved,
        )
    return {key: row.id for key, row in found.items()}
