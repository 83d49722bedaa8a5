"""Statements are checked against `statement.schema.json`: the fields and values of the API, version 2 (July 2025).

Source: https://transparency.dsa.ec.europa.eu/page/api-documentation and, for values, the repository that serves it,
https://github.com/digital-services-act/transparency-database (resources/markdown/api-documentation.md).
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import fastjsonschema

Check = Callable[[Any], Any]  # raises JsonSchemaValueException

SCHEMA_FILE = "statement.schema.json"
_OUTSIDE_THE_UNION = ("IS", "LI", "NO")
_SHOWN_CHARS = 200


@cache
def statement_schema() -> Mapping[str, Any]:
    """The JSON Schema of one statement."""
    found: Mapping[str, Any] = json.loads(files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))
    return found


def countries(scope: str) -> list[str] | None:
    """The codes of all countries of the EU or the EEA; None for another scope."""
    area: list[str] = statement_schema()["properties"]["territorial_scope"]["items"]["enum"]
    union = [code for code in area if code not in _OUTSIDE_THE_UNION]
    return {"EU": union, "EEA": area}.get(scope)


def wrong_with(statement: Mapping[str, Any]) -> str | None:
    """What the schema has against a statement, in one line; None when it may be submitted."""
    missing = [name for name in statement_schema()["required"] if name not in statement]
    return f"no {', '.join(missing)}" if missing else _complaint(_whole(), statement)


def wrong_with_fields(given: Mapping[str, Any]) -> str | None:
    """What the schema has against some fields of a statement; others may be missing."""
    return _complaint(_parts(), given)


@cache
def _whole() -> Check:
    found: Check = fastjsonschema.compile(dict(statement_schema()))
    return found


@cache
def _parts() -> Check:
    schema = statement_schema()
    some = {"type": "object", "properties": schema["properties"], "additionalProperties": False}
    found: Check = fastjsonschema.compile(some)
    return found


def _complaint(check: Check, value: Mapping[str, Any]) -> str | None:
    try:
        check(dict(value))
    except fastjsonschema.JsonSchemaValueException as error:
        if error.rule == "required":
            return f"no {', '.join(name for name in error.rule_definition if name not in value)}"
        if error.rule == "anyOf":
            return "no decision: one of decision_visibility, decision_monetary, decision_provision, decision_account"
        field = str(error.name).removeprefix("data.")
        return f"{field}: {_short(error)}"
    return None


def _short(error: fastjsonschema.JsonSchemaValueException) -> str:
    """The message without its subject, and without a list of seventy values."""
    text = str(error.message).removeprefix(str(error.name)).strip()
    if error.rule == "enum":
        return f"{error.value!r:.80} is not a value of the transparency database"
    return text[:_SHOWN_CHARS]
