"""Counts that stop at a bound: a look costs the same on any number of jobs."""

from typing import Any

from sqlalchemy import Integer, Select, bindparam, distinct, func, select

from worker.db.statements.index_choice import IS_QUEUED, IS_RUNNING
from worker.db.tables import JobRow
from worker.db.transaction import Transaction

COUNTED = 10_000  # rows that a count for people reads at most


def count_up_to(tx: Transaction, query: Select[*tuple[Any, ...]], bound: int = COUNTED) -> int:
    """How many rows a query finds, read no further than to the bound."""
    return tx.scalar(select(func.count()).select_from(query.limit(bound).subquery())) or 0


def count_in_flight(tx: Transaction, bound: int) -> tuple[int, int, int]:
    """Published jobs that nobody has claimed, running jobs, and the workers that run them; each up to the bound."""
    published, running, workers = tx.execute(_IN_FLIGHT, {"bound": bound}).one()
    return published or 0, running or 0, workers or 0


def _select_in_flight() -> Select[int | None, int | None, int | None]:
    bound = bindparam("bound", type_=Integer)
    running = select(JobRow.worker).where(IS_RUNNING).limit(bound).subquery()
    published = select(JobRow.id).where(IS_QUEUED, JobRow.published_at.is_not(None)).limit(bound).subquery()
    return select(
        select(func.count()).select_from(published).scalar_subquery(),
        select(func.count()).select_from(running).scalar_subquery(),
        select(func.count(distinct(running.c.worker))).select_from(running).scalar_subquery(),
    )


_IN_FLIGHT = _select_in_flight()  # made once: to make it takes longer than to run it
