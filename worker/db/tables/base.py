"""What all tables share: the base class, and columns that SQLAlchemy does not have."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar, cast

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

REVISION = "0008"  # of the migration that makes these tables: a test holds it to the newest one
HUMAN = 0  # the bundle number of labels that people gave
DEFAULT_TAXONOMY = "default"
DEFAULT_QUEUE = DEFAULT_TENANT = "default"  # both are there from the first, with the number 1
FIRST = 1

_Member = TypeVar("_Member", bound=StrEnum)
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows of INTEGER keys only


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite, which has no zones, stores it naive."""

    impl = DateTime
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[_Member]):
    """A column of short strings that are the members of an enum; the database knows only the strings.

    A string that is no member, as a newer or older release may have left it, is read as it is. Writing one raises
    ValueError.
    """

    impl = String
    cache_ok = True

    def __init__(self, members: type[_Member], length: int) -> None:
        super().__init__(length)
        self.members = members  # by the name of the argument, so that SQLAlchemy's statement cache tells columns apart
        self._by_value = {member.value: member for member in members}

    def process_bind_param(self, value: _Member | None, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> _Member | None:
        """From the database."""
        del dialect
        return None if value is None else self._by_value.get(value, cast("_Member", value))


class Base(DeclarativeBase):
    """All tables; constraints have names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), int: BigInteger().with_variant(Integer, "sqlite")}  # noqa: RUF012
