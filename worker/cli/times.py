"""Times and durations as they are typed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=36_500)  # the calendar has an end


class Duration(click.ParamType[timedelta]):
    """A number and its unit, as 90m, 12h or 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """What the number and the unit mean, at most a hundred years; fails on anything else."""
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhdw])", value)
        if match is None:
            self.fail(
                f"{value[:80]!r} is no duration: give a number and one of {', '.join(_UNITS)}, as in 30d", param, ctx
            )
        return min(_LONGEST, timedelta(**{_UNITS[match[2]]: float(match[1])}))


class Since(click.ParamType[datetime]):
    """A time, as 2026-07-01 or 2026-07-01T12:00+02:00 (UTC where no zone is said), or a duration before now, as 7d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; fails on anything else."""
        if isinstance(value, datetime):
            return value
        if re.fullmatch(r"[\d.]+[smhdw]", value):
            return datetime.now(UTC) - Duration().convert(value, param, ctx)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value[:80]!r} is no time, as 2026-07-01, and no duration before now, as 7d", param, ctx)
        try:
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except OverflowError:
            self.fail(f"{value[:80]!r} is beyond the calendar", param, ctx)


since_option = click.option("--since", type=Since(), help="Only what was submitted since then: 2026-07-01, or 7d.")
