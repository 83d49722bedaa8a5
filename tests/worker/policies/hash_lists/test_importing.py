"""Lists in the database: imported whole or not at all, added to, replaced, shown, deleted."""

import threading
from pathlib import Path

import pytest
from known_pictures import hash_file
from sqlalchemy import func, select

from worker.db.engine import Database
from worker.db.tables import HashEntryRow
from worker.dispatch.queues import tenant_number
from worker.errors import HashListError, LookupFailedError
from worker.policies.hash_lists.importing import ListOptions, import_hashes
from worker.policies.hash_lists.storage import (
    delete_hash_list,
    hold_list,
    list_hash_lists,
    read_entries,
    show_hash_list,
)

A, B, C = "a1" * 32, "b2" * 32, "c3" * 32


def entries(database: Database) -> int:
    with database.read() as tx:
        return tx.scalar(select(func.count()).select_from(HashEntryRow)) or 0


def test_a_list_is_made_and_added_to(database: Database, tmp_path: Path) -> None:
    """What it had is known; options that are not named stay; the version rises each time."""
    first = import_hashes(database, "known", hash_file(tmp_path, A, B), ListOptions(12, skip_model=True))
    assert (first.version, first.entry_count, first.added) == (1, 2, {"pdq": 2, "sha256": 0})
    second = import_hashes(database, "known", hash_file(tmp_path, B, C.upper()))
    assert (second.version, second.entry_count) == (2, 3)
    assert (second.added["pdq"], second.known["pdq"]) == (1, 1)
    with database.read() as tx:
        shown = show_hash_list(tx, "known")
    assert (shown["max_distance"], shown["skip_model"], shown["kinds"]) == (12, True, {"pdq": 3})
    assert (shown["tenant"], shown["entries"]) == (None, 3)


def test_a_list_is_replaced(database: Database, tmp_path: Path) -> None:
    """Nothing of before is left, of no kind."""
    import_hashes(database, "known", hash_file(tmp_path, A, B))
    import_hashes(database, "known", hash_file(tmp_path, A, kind="sha256"))
    done = import_hashes(database, "known", hash_file(tmp_path, C), replace=True)
    assert (done.version, done.entry_count, entries(database)) == (3, 1, 1)


@pytest.mark.parametrize("replace", [False, True])
def test_a_broken_file_changes_nothing(database: Database, tmp_path: Path, replace: bool) -> None:
    """Neither entries nor version; a list that was not there is not made."""
    import_hashes(database, "known", hash_file(tmp_path, A))
    for name in ("known", "other"):
        with pytest.raises(HashListError, match=r"pdq\.csv: line 3: 'b2' is no hash .* nothing was imported"):
            import_hashes(database, name, hash_file(tmp_path, B, "b2"), replace=replace)
    with database.read() as tx:
        (only,) = list_hash_lists(tx)
        assert (only["list"], only["version"], only["entries"]) == ("known", 1, 1)
        assert read_entries(tx, hold_list(tx, 0, "known").id, "pdq").tobytes().hex() == A


def test_tenants_have_lists_of_one_name(database: Database, tmp_path: Path) -> None:
    """One for every tenant, one of one tenant; each is deleted for itself."""
    import_hashes(database, "known", hash_file(tmp_path, A))
    import_hashes(database, "known", hash_file(tmp_path, B, C), tenant="shop")
    with database.read() as tx:
        assert [(row["tenant"], row["entries"]) for row in list_hash_lists(tx)] == [(None, 1), ("shop", 2)]
        assert show_hash_list(tx, "known", "shop")["kinds"] == {"pdq": 2}
    assert delete_hash_list(database, "known") == 1
    with pytest.raises(LookupFailedError, match="no list for every tenant is named 'known'"):
        delete_hash_list(database, "known")
    assert delete_hash_list(database, "known", "shop") == 2
    assert entries(database) == 0
    with pytest.raises(LookupFailedError, match="no tenant is named 'nobody'"):
        delete_hash_list(database, "known", "nobody")


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a\nb", "ä", "a/b"])
def test_names_can_be_typed(database: Database, tmp_path: Path, name: str) -> None:
    """Letters, digits, '_', '.' and '-'."""
    with pytest.raises(HashListError, match="is no name of a list"):
        import_hashes(database, name, hash_file(tmp_path, A))


@pytest.mark.parametrize("distance", [-1, 64, 10**9])
def test_distances_are_bounded(database: Database, tmp_path: Path, distance: int) -> None:
    """Beyond 63 bits other pictures come into reach."""
    with pytest.raises(HashListError, match="is not within 0 and 63"):
        import_hashes(database, "known", hash_file(tmp_path, A), ListOptions(distance))


def test_many_hashes_go_in_and_come_out(database: Database, tmp_path: Path) -> None:
    """More than are inserted or read at once, and doubles among them."""
    hashes = [f"{number:064x}" for number in range(1, 60_001)]
    done = import_hashes(database, "many", hash_file(tmp_path, *hashes, *hashes[:5], kind="sha256"))
    assert done.entry_count == 60_000
    with database.read() as tx:
        rows = read_entries(tx, 1, "sha256")
    assert sorted(row.tobytes().hex() for row in rows) == hashes


def test_two_imports_into_one_list_take_turns(database: Database, tmp_path: Path) -> None:
    """Both add what they have, though half of it is the same."""
    hashes = [f"{number:064x}" for number in range(1, 3001)]
    files = []
    for number, part in enumerate((hashes[:2000], hashes[1000:])):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(hash_file(folder, *part, kind="sha256"))
    threads = [threading.Thread(target=import_hashes, args=(database, "known", file)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        shown = show_hash_list(tx, "known")
    assert (shown["entries"], shown["kinds"], shown["version"]) == (3000, {"sha256": 3000}, 2)


def test_entries_that_are_no_hashes_are_refused(database: Database, tmp_path: Path) -> None:
    """Somebody else wrote into the table."""
    import_hashes(database, "known", hash_file(tmp_path, A), tenant="shop")
    with database.write() as tx:
        row = hold_list(tx, tenant_number(tx, "shop"), "known")
        tx.add(HashEntryRow(list_id=row.id, kind="pdq", hash="ab"))
        tx.flush()
        with pytest.raises(HashListError, match="holds pdq entries that are no hashes"):
            read_entries(tx, row.id, "pdq")
