"""Import a file of hashes into a list: the file is read whole first, and the list changes in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.audit.people import system_user
from worker.audit.records import ImportRecord, append
from worker.db.engine import Database
from worker.db.tables import EVERY_TENANT, HashListRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import tenant_number
from worker.errors import HashListError
from worker.policies.hash_lists.entries import Hashes, distinct
from worker.policies.hash_lists.reading import read_hashes
from worker.policies.hash_lists.storage import add_entries, drop_entries, hold_list, read_entries

LARGEST_DISTANCE = 63  # beyond it hashes of other pictures come into reach, and a look-up reads the whole list


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list is to be from now on; None leaves as it is, and a new list has 31 and False."""

    max_distance: int | None = None  # bits in which a PDQ hash may differ, 0 to 63
    skip_model: bool | None = None  # a match needs no prediction


AS_IT_IS = ListOptions()


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    added, known: hashes by kind, those that are new and those that the list had. passed_over: hashes of other kinds.
    """

    name: str
    version: int
    entry_count: int
    added: Mapping[str, int]
    known: Mapping[str, int]
    passed_over: Mapping[str, int]


def import_hashes(
    database: Database,
    name: str,
    path: Path,
    options: ListOptions = AS_IT_IS,
    *,
    tenant: str | None = None,
    replace: bool = False,
    by: str | None = None,
) -> Imported:
    """Add the hashes of a file to a list, made if there is none of that name; `replace` drops what it held before.

    by: who does it; the user of the operating system where it is None.
    tenant: whose list; None is a list for every tenant that has none of that name. All or nothing: raises
    HashListError with file and line where one is broken. Workers see the change within seconds.
    """
    if options.max_distance is not None and not 0 <= options.max_distance <= LARGEST_DISTANCE:
        raise HashListError(f"a distance of {options.max_distance} is not within 0 and {LARGEST_DISTANCE}")
    hashes = read_hashes(path)
    with database.write() as tx:
        row = hold_list(tx, EVERY_TENANT if tenant is None else tenant_number(tx, tenant), name)
        if replace:
            drop_entries(tx, row.id)
            row.entry_count = 0
        added = _add(tx, row.id, hashes)
        _change(row, options)
        row.entry_count += sum(added.values())
        row.version += 1
        row.updated_at = tx.now()
        record = ImportRecord(
            at=row.updated_at,
            tenant=row.tenant_id,
            name=name,
            version=row.version,
            entry_count=row.entry_count,
            by=by or system_user(),
        )
        append(tx, [record])
        known = {kind: len(rows) - added[kind] for kind, rows in hashes.rows.items()}
        return Imported(name, row.version, row.entry_count, added, known, hashes.passed_over)


def _add(tx: Transaction, list_id: int, hashes: Hashes) -> dict[str, int]:
    """Add what the list does not have; how many that was, by kind."""
    added = {}
    for kind, rows in hashes.rows.items():
        new = distinct(rows, read_entries(tx, list_id, kind))
        add_entries(tx, list_id, kind, new)
        added[kind] = len(new)
    return added


def _change(row: HashListRow, options: ListOptions) -> None:
    if options.max_distance is not None:
        row.max_distance = options.max_distance
    if options.skip_model is not None:
        row.skip_model = options.skip_model
