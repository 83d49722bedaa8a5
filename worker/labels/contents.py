"""What assets hold: hashes of their content, and the answers that the same content had before."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import and_, bindparam, select, update

from worker.db.engine import Database
from worker.db.tables import AssetRow, DecisionRow, JobRow
from worker.db.transaction import Transaction
from worker.states import Status


@dataclass(frozen=True, slots=True)
class Content:
    """The hashes of an asset's bytes and of its picture. pdq: 64 hexadecimal digits; pdq_quality: 0 to 100."""

    sha256: str
    pdq: str
    pdq_quality: int


NO_CONTENTS: Mapping[int, Content] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """An earlier answer on the same content, as the database has it."""

    content: Content
    prediction: dict[str, Any]


def sha256_of(content: bytes) -> str:
    """The hash by which the same content is known again."""
    return hashlib.sha256(content).hexdigest()


def find_answer(database: Database, sha256: str, bundle_id: int, release: str) -> Answer | None:
    """The newest answer of a bundle on an asset that still holds this content; None unless it is of this release."""
    query = (
        select(DecisionRow.prediction, AssetRow.pdq, AssetRow.pdq_quality)
        .join(JobRow, JobRow.id == DecisionRow.job_id)
        .join(AssetRow, and_(AssetRow.id == DecisionRow.asset_id, AssetRow.content_sha256 == sha256))
        .where(DecisionRow.content_sha256 == sha256, JobRow.bundle_id == bundle_id)
        .where(JobRow.status == Status.SUCCEEDED)
        .order_by(DecisionRow.job_id.desc())
        .limit(1)
    )
    with database.read() as tx:
        found = tx.execute(query).one_or_none()
    if found is None or found.prediction.get("release") != release:
        return None
    return Answer(Content(sha256, found.pdq, found.pdq_quality), found.prediction)


def store_contents(tx: Transaction, contents: Sequence[tuple[int, Content]]) -> None:
    """Keep with assets, which the caller holds, what they hold now; where it is the same nothing is written."""
    rows = [
        {"asset": asset_id, "sha256": content.sha256, "hash": content.pdq, "quality": content.pdq_quality}
        for asset_id, content in contents
    ]
    if not rows:
        return
    table = AssetRow.__table__
    is_other = table.c.content_sha256.is_distinct_from(bindparam("sha256"))
    tx.connection().execute(
        update(table)  # type: ignore[arg-type] # a Table, which SQLAlchemy types wider
        .where(table.c.id == bindparam("asset"), is_other)
        .values(content_sha256=bindparam("sha256"), pdq=bindparam("hash"), pdq_quality=bindparam("quality")),
        rows,
    )
