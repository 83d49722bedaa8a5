"""The distinct values of the first column of an index, by one seek each: DISTINCT would read every row."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute


def distinct_values(column: InstrumentedAttribute[int]) -> Select[int]:
    """All values of a column, ascending; a recursive walk from each to the next larger one."""
    found = select(func.min(column).label("value")).cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))
