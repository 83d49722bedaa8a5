"""What a worker holds in memory, and how it follows the database."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from known_pictures import hash_file
from sqlalchemy import event

from worker.db.engine import Database
from worker.dispatch.queues import tenant_number
from worker.errors import DatabaseError
from worker.policies.hash_lists import loading
from worker.policies.hash_lists.importing import ListOptions, import_hashes
from worker.policies.hash_lists.loading import HashList, Head, KnownContent, Match
from worker.policies.hash_lists.storage import delete_hash_list

A, B, C = "a1" * 32, "b2" * 32, "c3" * 32
NEAR_A = "a0" * 31 + "a1"  # in 31 bits
FAR_FROM_A = "a0" * 32  # in 32


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(database: Database, clock: Clock) -> KnownContent:
    return KnownContent(database, check_s=2.0, clock=clock)


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """What the database is asked, from now on."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def test_known_by_bytes_and_by_looks(database: Database, known: KnownContent, tmp_path: Path) -> None:
    """SHA-256 exactly, PDQ up to the list's distance; names are sorted."""
    import_hashes(database, "looks", hash_file(tmp_path, A))
    import_hashes(database, "bytes", hash_file(tmp_path, B, kind="sha256"), ListOptions(skip_model=True))
    assert known.matches(1, B, NEAR_A, 100) == ("bytes", "looks")
    assert known.find(1, B, NEAR_A, 100) == (Match("bytes", "sha256", 0, True), Match("looks", "pdq", 31, False))
    assert known.matches(1, C, FAR_FROM_A, 100) == ()
    assert known.matches(1, A, B, 100) == ()


def test_pdq_of_low_quality_is_not_looked_up(database: Database, known: KnownContent, tmp_path: Path) -> None:
    """Below 50 the picture has too little in it; its bytes still tell."""
    import_hashes(database, "looks", hash_file(tmp_path, A))
    import_hashes(database, "looks", hash_file(tmp_path, B, kind="sha256"))
    assert known.matches(1, C, A, 49) == ()
    assert known.matches(1, C, A, 50) == ("looks",)
    assert known.matches(1, B, A, 0) == ("looks",)


def test_each_tenant_has_its_own_lists(database: Database, known: KnownContent, tmp_path: Path) -> None:
    """A tenant's list stands for the one of that name that is for every tenant."""
    import_hashes(database, "shared", hash_file(tmp_path, A))
    import_hashes(database, "blocked", hash_file(tmp_path, A))
    import_hashes(database, "blocked", hash_file(tmp_path, B), tenant="shop")
    import_hashes(database, "private", hash_file(tmp_path, A), tenant="other")
    with database.write() as tx:
        shop, other = tenant_number(tx, "shop"), tenant_number(tx, "other")
    assert known.matches(1, C, A, 100) == ("blocked", "shared")
    assert known.matches(shop, C, A, 100) == ("shared",)
    assert known.matches(shop, C, B, 100) == ("blocked",)
    assert known.matches(other, C, A, 100) == ("blocked", "private", "shared")


def test_without_lists_one_small_query_every_while(known: KnownContent, clock: Clock, statements: list[str]) -> None:
    """However often it is asked."""
    for _ in range(100):
        assert known.matches(1, A, B, 100) == ()
    assert len([said for said in statements if "hash_" in said]) == 1
    clock.now = 2.0
    for _ in range(100):
        known.matches(1, A, B, 100)
    asked = [said for said in statements if "hash_" in said]
    assert len(asked) == 2
    assert not any("hash_entries" in said for said in asked)


def test_changes_are_seen_after_a_while(
    database: Database, known: KnownContent, clock: Clock, tmp_path: Path, statements: list[str]
) -> None:
    """A new list, more entries, other options, a deleted list, and one made anew with the same number."""

    def after_a_while() -> tuple[str, ...]:
        clock.now += 2.0
        return known.matches(1, C, NEAR_A, 100)

    assert known.matches(1, C, NEAR_A, 100) == ()
    import_hashes(database, "looks", hash_file(tmp_path, B))
    assert known.matches(1, C, B, 100) == ()
    assert after_a_while() == ()
    assert known.matches(1, C, B, 100) == ("looks",)
    import_hashes(database, "looks", hash_file(tmp_path, A))
    assert after_a_while() == ("looks",)
    import_hashes(database, "looks", hash_file(tmp_path, A), ListOptions(max_distance=30))
    assert after_a_while() == ()
    before = len([said for said in statements if "hash_entries" in said])
    assert after_a_while() == ()
    assert len([said for said in statements if "hash_entries" in said]) == before
    delete_hash_list(database, "looks")
    import_hashes(database, "looks", hash_file(tmp_path, A))
    assert after_a_while() == ("looks",)
    delete_hash_list(database, "looks")
    assert after_a_while() == ()
    assert not known._ready


def test_a_new_version_is_loaded_while_others_go_on(
    database: Database, known: KnownContent, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread loads, and the others have the version before; a list that nobody has yet is waited for."""
    import_hashes(database, "looks", hash_file(tmp_path, A))
    gate, begun, load = threading.Event(), threading.Event(), loading.load_list

    def slow(database: Database, head: Head) -> HashList:
        begun.set()
        gate.wait(30)
        return load(database, head)

    monkeypatch.setattr(loading, "load_list", slow)
    answers: list[tuple[str, ...]] = []
    first = [threading.Thread(target=lambda: answers.append(known.matches(1, C, A, 100))) for _ in range(4)]
    for thread in first:
        thread.start()
    begun.wait(30)
    assert answers == []
    gate.set()
    for thread in first:
        thread.join()
    assert answers == [("looks",)] * 4
    import_hashes(database, "looks", hash_file(tmp_path, B), replace=True)
    gate.clear()
    begun.clear()
    clock.now = 2.0
    loader = threading.Thread(target=lambda: answers.append(known.matches(1, C, A, 100)))
    loader.start()
    begun.wait(30)
    assert known.matches(1, C, A, 100) == ("looks",)
    gate.set()
    loader.join()
    assert answers[-1] == ()
    assert known.matches(1, C, A, 100) == ()


def test_a_database_that_does_not_answer(tmp_path: Path, clock: Clock) -> None:
    """Lists that were read are used on; where none was read nobody is told that content is unknown."""
    folder = tmp_path / "gone"
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/cladist.db")
    database.upgrade()
    import_hashes(database, "looks", hash_file(tmp_path, A))
    known, unread = KnownContent(database, clock=clock), KnownContent(database, clock=clock)
    assert known.matches(1, C, A, 100) == ("looks",)
    database.close()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    clock.now = 2.0
    assert known.matches(1, C, A, 100) == ("looks",)
    with pytest.raises(DatabaseError):
        unread.matches(1, C, A, 100)
    database.close()
