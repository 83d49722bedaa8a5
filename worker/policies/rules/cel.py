"""`when`: CEL over the declared metadata, by Google's own evaluator, bounded in size, nesting and iterations.

The evaluator stops at 10,000 iterations of an expression and 32 levels of nesting, documents at MAX_WHEN_CHARS
characters; regular expressions are RE2's, which are linear. Source: https://github.com/google/cel-spec.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from worker.policies.rules.errors import PolicyError

_PLACE = re.compile(r"<input>:(\d+):(\d+): (.*)")
_HUGE = 1 << 63
MAX_VALUE = 4096  # signs of a text, or parts of a list: what an evaluation may cost is bounded by this too
_TRUTH = {"true": True, "false": False}

Metadata = Mapping[str, Any]


class Missing(Exception):  # noqa: N818 (a reason, caught where it is raised for)
    """A declared value that is not there, or is not of its type; the text says which."""


def typed_value(name: str, kind: str, metadata: Metadata) -> Any:
    """A declared value as CEL takes it; texts are read as their type, as tables have nothing else. Raises Missing."""
    if name not in metadata or metadata[name] is None:
        raise Missing(f"{name} is missing")
    value = metadata[name]
    if isinstance(value, (str, list, tuple)) and len(value) > MAX_VALUE:
        raise Missing(f"{name} is longer than {MAX_VALUE}")
    try:
        return _convert(kind, value)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise Missing(f"{name} is {value!r:.40}, not {kind}") from None


def compile_when(text: str, declared: Mapping[str, str]) -> Callable[[Metadata], str | None]:
    """A function of metadata that says why an expression is not true; None where it is.

    Raises PolicyError on an expression that is wrong, with its column.
    """
    expression = _environment(tuple(sorted(declared.items()))).compile_checked(text)
    used = {name: kind for name, kind in declared.items() if re.search(rf"\b{re.escape(name)}\b", text)}

    def why_not(metadata: Metadata) -> str | None:
        values = {}
        missing = None
        for name, kind in used.items():
            try:
                values[name] = typed_value(name, kind, metadata)
            except Missing as reason:
                missing = str(reason)
        try:
            found = expression.eval(data=values).plain_value()
        except Exception as error:  # noqa: BLE001 (the evaluator raises errors of its own; none of them is true)
            return f"when: {missing or _said(error)}"
        if found is True:
            return None
        if found is False:
            return f"when: {text[:120]} is false"
        return f"when: {missing or _said(found)}"

    return why_not


class _Environment:
    """CEL with declared variables."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        from cel_expr_python import cel  # noqa: PLC0415 (lazy: for policies with a `when` alone)

        kinds = {
            "int": cel.Type.INT,
            "float": cel.Type.DOUBLE,
            "bool": cel.Type.BOOL,
            "string": cel.Type.STRING,
            "timestamp": cel.Type.TIMESTAMP,
        }
        lists = {f"list[{name}]": cel.Type.List(kinds[name]) for name in ("string", "int", "float")}
        self._env = cel.NewEnv(variables={name: {**kinds, **lists}[kind] for name, kind in declared.items()})
        self._bool = cel.Type.BOOL

    def compile_checked(self, text: str) -> Any:
        """The expression. Raises PolicyError unless it is one, of type bool, of declared names only."""
        try:
            expression = self._env.compile(text)
        except Exception as error:  # noqa: BLE001 (the compiler raises errors of its own)
            raise PolicyError(f"when: {_said(error)}") from None
        if expression.return_type() != self._bool:
            raise PolicyError(f"when: is {expression.return_type()!r}, not true or false")
        return expression


@cache
def _environment(declared: tuple[tuple[str, str], ...]) -> _Environment:
    return _Environment(dict(declared))


def _said(error: object) -> str:
    """The first thing that the compiler or evaluator says, with its column."""
    text = str(error)
    found = _PLACE.search(text)
    if found:
        line, column, message = found.groups()
        where = f"column {column}" if line == "1" else f"line {line} of it, column {column}"
        return f"{where}: {message.split(' [INVALID')[0]:.160}"
    first = text.splitlines()[0] if text else type(error).__name__
    return re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", first)[:160]


def _convert(kind: str, value: Any) -> Any:
    if kind.startswith("list["):
        if not isinstance(value, (list, tuple)):
            raise TypeError
        if any(isinstance(each, str) and len(each) > MAX_VALUE for each in value):
            raise ValueError
        return [_convert(kind[5:-1], each) for each in value]
    if isinstance(value, bool) != (kind == "bool") and not isinstance(value, str):
        raise TypeError
    return _SCALARS[kind](value)


def _int(value: Any) -> int:
    number = int(value) if isinstance(value, (int, str)) else _whole(value)
    if not -_HUGE <= number < _HUGE:
        raise OverflowError
    return number


def _whole(value: Any) -> int:
    if not isinstance(value, float) or not value.is_integer():
        raise TypeError
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, (str, int, float)):
        raise TypeError
    text = str(value)
    text.encode()  # raises ValueError on lone surrogates, which the evaluator does not take
    return text


def _timestamp(value: Any) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUTH[value.lower()]


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "int": _int,
    "float": float,
    "bool": _bool,
    "string": _text,
    "timestamp": _timestamp,
}
