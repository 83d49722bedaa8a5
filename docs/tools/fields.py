"""The default and the range of a pydantic field, in words, from the JSON schema of its model."""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """The JSON schema of every field, in the order of the class."""
    properties: dict[str, Schema] = model.model_json_schema()["properties"]
    return properties


def default_text(schema: Schema) -> str:
    """The default as one would write it in the environment; `none` for an empty one."""
    default = schema["default"]
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list | tuple):
        default = ",".join(map(str, default))
    if isinstance(default, float):
        default = f"{default:g}"
    return f"`{default}`" if default != "" else "none"


def range_text(schema: Schema) -> str:
    """What is allowed, in words; empty for free text and lists."""
    if schema["type"] == "boolean":
        return "`true` or `false`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "pattern" in schema:
        return f"`{schema['pattern']}`"
    return _bounds(schema)


def _bounds(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"{low:.15g} to {high:.15g}"
    lower = f"at least {low:.15g}" if low is not None else f"above {above:.15g}" if above is not None else ""
    upper = f"at most {high:.15g}" if high is not None else f"below {below:.15g}" if below is not None else ""
    return ", ".join(part for part in (lower, upper) if part)
