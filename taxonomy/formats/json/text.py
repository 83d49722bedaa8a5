"""JSON of strangers: one clear error, and only texts that are Unicode."""

import json
from typing import Any

from taxonomy.errors import TaxonomyError

NAME_KEYS = ("name", "LabelName", "label", "title", "text", "prefLabel", "display_name", "displayName")
ID_KEYS = ("id", "node_id", "uid", "key", "code", "@id", "identifier", "full_id")


def parse_json(text: str, source: str) -> Any:
    """The value of a JSON text. Raises TaxonomyError, with the line, on anything else."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TaxonomyError(f"not JSON: {error.msg}", source=source, line=error.lineno) from None
    except ValueError as error:
        raise TaxonomyError(f"not JSON: {error}", source=source) from None
    except RecursionError:
        raise TaxonomyError("JSON nested too deeply", source=source) from None


def has_lone_surrogate(value: Any) -> bool:
    """Whether a JSON value holds half a surrogate pair, which is no Unicode text and so in no release."""
    return any("\ud800" <= sign <= "\udfff" for sign in json.dumps(value, ensure_ascii=False))


def load_json(text: str, source: str) -> Any:
    """The value of a JSON text. Raises TaxonomyError, with the line, on anything else, and on lone surrogates."""
    value = parse_json(text, source)
    if "\\u" in text and has_lone_surrogate(value):
        raise TaxonomyError("a lone surrogate, which is no Unicode text", source=source)
    return value


def try_json(text: str) -> Any:
    """The value of a JSON text, None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return load_json(text, "")
    except TaxonomyError:
        return None


def text_of(entry: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """The text under the first of the keys that the entry has; numbers count as text. Raises TaxonomyError."""
    for key in keys:
        if key in entry:
            value = entry[key]
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise TaxonomyError(f"{key!r} is no text: {value!r:.60}")
            return str(value)
    return None
