"""Find a node of a stored release, by the rule of `taxonomy.lookup`."""

from sqlalchemy import ColumnElement, select

from taxonomy import PATH_SEPARATOR, TaxonomyError
from taxonomy.lookup import Candidate, look_up
from worker.catalog.releases import stored_taxonomy
from worker.db.tables import AliasRow, NodeRow, ReleaseRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError


def find_node(tx: Transaction, release_id: int, wanted: str) -> NodeRow:
    """The node of that id or path, or the only one of that name or alias: see `taxonomy.lookup.look_up`.

    Raises LookupFailedError when no node fits, and, naming the paths, when several do.
    """
    try:
        node_id = look_up(wanted, _Stored(tx, release_id))
    except TaxonomyError as error:
        raise LookupFailedError.of(error) from None
    return tx.get_one(NodeRow, (release_id, node_id))


class _Stored:
    """The nodes of a release in the database."""

    def __init__(self, tx: Transaction, release_id: int) -> None:
        self._tx = tx
        self._release_id = release_id

    def by_id(self, text: str) -> list[Candidate]:
        """By id."""
        return self._where(NodeRow.node_id == text)

    def by_path(self, names: tuple[str, ...]) -> list[Candidate]:
        """By the one path that is stored of each node; for the other paths of a DAG the whole taxonomy is read."""
        namesakes = self.by_name(names[-1])
        stored = [each for each in namesakes if each.path == PATH_SEPARATOR.join(names)]
        if len(stored) == 1 or not namesakes or len(names) == 1:
            return stored
        row = self._tx.get_one(ReleaseRow, self._release_id)
        try:
            found = stored_taxonomy(row).find_path(names)
        except TaxonomyError:
            return []
        return [each for each in namesakes if each.node_id == found.id]

    def by_name(self, text: str) -> list[Candidate]:
        """By name."""
        return self._where(NodeRow.name == text)

    def by_alias(self, text: str) -> list[Candidate]:
        """By alias or name by locale."""
        aliased = select(AliasRow.node_id).where(AliasRow.release_id == self._release_id, AliasRow.alias == text)
        return self._where(NodeRow.node_id.in_(aliased))

    def _where(self, condition: ColumnElement[bool]) -> list[Candidate]:
        query = select(NodeRow.node_id, NodeRow.path).where(NodeRow.release_id == self._release_id, condition)
        return [Candidate(*row) for row in self._tx.execute(query)]
