"""Conditions and orders in words that keep a planner on one index, whatever its statistics say."""

from typing import Any

from sqlalchemy import ColumnElement, Select, String, literal_column, select, text, tuple_

from worker.db.tables import JobRow, LabelRow
from worker.states import Status

# With the words of the partial indexes themselves: a parameter in their place would hide them from the planner.
IS_QUEUED = JobRow.status == literal_column("'queued'", String)
IS_RUNNING = JobRow.status == literal_column("'running'", String)


IS_FAILED_DELIVERY = text("webhook_deliveries.status = 'failed'")  # as the partial index of deliveries says it
IS_ACTING = text("NOT routings.shadow")  # as the partial index of review queues says it


def is_of_release(release_id: int) -> ColumnElement[bool]:
    """That a label is of a release, where labels are sought by asset: keeps to the primary key, which begins with it.

    The index on (release, node, ...) would lead through all labels of the release, and a plan made while the table was
    small may choose it for as long as the connection lives. It does not fit a sum in place of the column.
    """
    return LabelRow.release_id + 0 == release_id


def select_by_status(status: Status, *columns: Any, newest_first: bool = False) -> Select[*tuple[Any, ...]]:
    """Columns of the jobs of one status, ordered by id: a stretch of the index on (status, id), with nothing to sort.

    Asked for equality, a planner may walk the primary key instead, and read a hundred million jobs that ended to find
    one that is queued. A range, ordered by the whole index, can be had from that index alone.
    """
    order = (JobRow.status.desc(), JobRow.id.desc()) if newest_first else (JobRow.status, JobRow.id)
    return select(*columns).where(JobRow.status.between(status, status)).order_by(*order)


def is_on_later_page(confidence: float, asset_id: int) -> ColumnElement[bool]:
    """That a label comes after this place in the order of descending (confidence, asset id).

    A comparison of rows is one range of the index, so that a page far back costs no more than the first. Said with OR,
    all pages before would be read.
    """
    return tuple_(LabelRow.confidence, LabelRow.asset_id) < (confidence, asset_id)
