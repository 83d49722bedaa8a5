"""Exports: every record once, in lines that programs read and that spreadsheets do not execute."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest
from audit_trail import AT, routing, write

from worker.audit import export
from worker.audit.export import Choice, Row, chosen_rows, csv_lines, json_lines
from worker.audit.records import DeletionRecord, append
from worker.db.engine import Database

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\tx", "\rx")


def read_csv(lines: Iterator[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(lines), newline="")))


def test_json_lines_hold_the_very_content_that_was_hashed(database: Database) -> None:
    """Whoever has the line can check it."""
    write(database, routing(1), DeletionRecord(at=AT, tenant=2, asset_sha256="a" * 64, job_count=1, by="ana"))
    lines = list(json_lines(chosen_rows(database, Choice())))
    found = [json.loads(line) for line in lines]
    assert [each["kind"] for each in found] == ["routing", "deletion"]
    for line, each in zip(lines, found, strict=True):
        content = line.partition('"content":')[2][:-2]
        assert sha256(content.encode()).hexdigest() == each["hash"]


@pytest.mark.parametrize("page", [1, 3, 2000])
def test_records_are_chosen_by_tenant_and_time(database: Database, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`since` is inclusive and `until` is not; pages of any size give the same."""
    monkeypatch.setattr(export, "_PAGE", page)
    write(database, *(routing(n, tenant=1 + n % 2, at=AT + timedelta(seconds=n)) for n in range(8)))

    def jobs(choice: Choice) -> list[int]:
        return [json.loads(row.content)["job"] for row in chosen_rows(database, choice)]

    assert jobs(Choice()) == list(range(8))
    assert jobs(Choice(tenant=2)) == [1, 3, 5, 7]
    assert jobs(Choice(since=AT + timedelta(seconds=3), until=AT + timedelta(seconds=6))) == [3, 4, 5]
    assert jobs(Choice(tenant=1, since=AT + timedelta(seconds=3))) == [4, 6]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    """An apostrophe stands before what a spreadsheet would run; numbers stay numbers."""
    content = json.dumps({"rule": text, "node": f'{text}, "quoted"\n', "confidence": -0.5, "sampled": True})
    (row,) = read_csv(csv_lines([Row(1, "routing", content, "h")]))
    assert row["rule"] == f"'{text}"
    assert row["node"].startswith(f"'{text}")
    assert (row["confidence"], row["sampled"], row["by"]) == ("-0.5", "true", "")


def test_every_field_of_every_kind_has_a_column(database: Database) -> None:
    """And the header is there without records as well."""
    assert read_csv(csv_lines([])) == []
    write(database, routing(1), DeletionRecord(at=AT, tenant=2, asset_sha256="a" * 64, job_count=4, by="ana"))
    first, second = read_csv(csv_lines(chosen_rows(database, Choice())))
    assert (first["kind"], first["policy_version"], first["job_count"]) == ("routing", "3", "")
    assert (second["kind"], second["policy_version"], second["job_count"]) == ("deletion", "", "4")


def test_a_table_is_never_in_memory_as_a_whole(database: Database) -> None:
    """Thirty thousand records, some 20 MB, in less than 6."""
    for start in range(0, 30_000, 1000):
        with database.write() as tx:
            append(tx, (routing(number) for number in range(start, start + 1000)))
    tracemalloc.start()
    try:
        size = sum(len(line) for line in json_lines(chosen_rows(database, Choice())))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 15_000_000
    assert peak < 6_000_000
