"""From audit records to statements of reasons. What a mapping does not cover is refused; nothing is guessed.

Statements come of rejections only: of a policy's own, and of a person's where the asset was not rejected before. They
hold no asset, tenant or person: `puid` is the hash of the audit record, by which its owner finds the rest again.
Source: Regulation (EU) 2022/2065, articles 17 and 24(5); fields: see `schema`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from string import Template
from typing import Any

from sqlalchemy import select

from taxonomy import Taxonomy
from worker.audit.dsa.mapping import NO_FIELDS, TEMPLATES, DsaMapping, Fields, MappingFileError
from worker.audit.dsa.node_fields import AmbiguousError, NodeFields
from worker.audit.dsa.schema import wrong_with
from worker.audit.export import Row
from worker.audit.records import ReviewRecord, RoutingRecord, read_record
from worker.catalog.releases import stored_taxonomy
from worker.db.engine import Database
from worker.db.tables import ReleaseRow
from worker.states import Action

STATEMENTS_PER_CALL = 100  # that the API takes at once
_Rejection = RoutingRecord | ReviewRecord
_DATE_CHARS = 10
DEFAULT_RULE = "default"  # what a mapping calls the default of a policy
_FACTS = (
    "An automated classifier assigned the content to '$node' with a confidence of $confidence; rule '$rule' of the"
    " moderation policy '$policy', version $version, applied."
)


_FACTS_WITHOUT_NODE = "Rule '$rule' of the moderation policy '$policy', version $version, applied."
_OF_A_NODE = re.compile(r"\$\{?(?:node|path|level|confidence)\b")


class Statements:
    """Makes statements of records by a mapping, over all releases that the records were decided in."""

    def __init__(self, database: Database, mapping: DsaMapping) -> None:
        self._database = database
        self._mapping = mapping
        self._trees: dict[str | None, NodeFields] = {}
        self._unknown: set[str] = set(mapping.nodes)
        for release in self._active_releases():
            self._tree(release)

    def of(self, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
        """One statement for each record that restricts. Raises MappingFileError on one that the mapping does not cover.

        Where all have been made, on a node of the mapping that is in no release as well.
        """
        for row in rows:
            record = read_record(row.kind, row.content)
            if isinstance(record, _Rejection) and _restricts(record):
                yield self._statement(row, record)
        for node in sorted(self._unknown):
            raise self._mapping.refuse_node(node, "no release that is active, or met here, has such a node")

    def _statement(self, row: Row, record: _Rejection) -> dict[str, Any]:
        tree = self._tree(record.release)
        name = tree.name(record.node)
        try:
            fields = self._fields(record, tree)
        except AmbiguousError as error:
            raise self._refused(row, record, name, str(error)) from None
        statement = _filled(row, record, fields, tree)
        wrong = wrong_with(statement)
        if wrong is not None:
            raise self._refused(row, record, name, wrong)
        speaking = _speaks_of_a_node(fields) if record.node is None else None
        if speaking is not None:
            raise self._refused(row, record, name, f"{speaking} speaks of a node, and none was decided")
        return statement

    def _refused(self, row: Row, record: _Rejection, name: str, why: str) -> MappingFileError:
        what = f"record {row.id}, {_action(record)} of {name!r:.120}: not covered: {why}"
        return MappingFileError(what, source=self._mapping.source)

    def _fields(self, record: _Rejection, tree: "NodeFields") -> Fields:
        rule = self._mapping.rules.get(record.rule or DEFAULT_RULE, NO_FIELDS)
        action = self._mapping.actions.get(_action(record), NO_FIELDS)
        return {**self._mapping.defaults, **action, **tree.fields(record.node), **rule}

    def _tree(self, release: str | None) -> "NodeFields":
        if release not in self._trees:
            self._trees[release] = tree = NodeFields(self._taxonomy(release), self._mapping)
            self._unknown -= tree.known
        return self._trees[release]

    def _taxonomy(self, release: str | None) -> Taxonomy | None:
        with self._database.read() as tx:
            row = tx.scalar(select(ReleaseRow).where(ReleaseRow.release == release))
            return stored_taxonomy(row) if row is not None else None

    def _active_releases(self) -> list[str]:
        with self._database.read() as tx:
            return list(tx.scalars(select(ReleaseRow.release).where(ReleaseRow.active).order_by(ReleaseRow.id)))


def statement_lines(statements: Iterable[dict[str, Any]], *, in_calls: bool) -> Iterator[str]:
    """One JSON object a line: a statement, or with `in_calls` the body of a call, of up to 100 statements."""
    if not in_calls:
        yield from (f"{json.dumps(each, ensure_ascii=False)}\n" for each in statements)
        return
    left = iter(statements)
    while several := list(islice(left, STATEMENTS_PER_CALL)):
        yield f"{json.dumps({'statements': several}, ensure_ascii=False)}\n"


def _restricts(record: _Rejection) -> bool:
    if record.action != Action.REJECT:
        return False
    return not (isinstance(record, ReviewRecord) and record.before == Action.REJECT)


def _speaks_of_a_node(fields: Fields) -> str | None:
    """The name of a text that says what was decided; a record without a decision must not be filled into it."""
    return next((name for name in TEMPLATES if name in fields and _OF_A_NODE.search(str(fields[name]))), None)


def _action(record: _Rejection) -> str:
    return "review" if isinstance(record, ReviewRecord) else "reject"


def _filled(row: Row, record: _Rejection, fields: Fields, tree: NodeFields) -> dict[str, Any]:
    """The statement: what the mapping says, and what only the record knows."""
    path = tree.name(record.node)
    said = {
        "node": path.rpartition(" > ")[2],
        "path": path,
        "level": record.level or 0,
        "confidence": "unknown" if record.confidence is None else f"{record.confidence:.3f}",
        "model": record.model or "none",
        "policy": record.policy or "none",
        "version": record.policy_version or 0,
        "rule": record.rule or "default",
    }
    by_a_person = isinstance(record, ReviewRecord)
    found = {
        "content_type": ["CONTENT_TYPE_IMAGE"],
        "decision_facts": _FACTS if record.node is not None else _FACTS_WITHOUT_NODE,
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes",
        "automated_decision": "AUTOMATED_DECISION_PARTIALLY" if by_a_person else "AUTOMATED_DECISION_FULLY",
        **fields,
    }
    for name in TEMPLATES:
        if name in found:
            found[name] = Template(found[name]).substitute(said)
    found["content_date"] = (record.submitted_at or record.at).isoformat()[:_DATE_CHARS]
    found["application_date"] = record.at.isoformat()[:_DATE_CHARS]
    found["puid"] = row.hash
    return found
