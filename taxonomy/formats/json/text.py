"""JSON of strangers: one clear error, and only texts that are Unicode."""

import json
from functools import lru_cache
from typing import Any

from taxonomy.errors import TaxonomyError


@lru_cache(maxsize=1)
def _parsed(text: str) -> Any:
    return json.loads(text)


def forget_json() -> None:
    """Let go of the text that was parsed last, which detection and reading share."""
    _parsed.cache_clear()


def parse_json(text: str, source: str) -> Any:
    """The value of a JSON text, shared and not to be changed. Raises TaxonomyError, with the line, on anything else."""
    try:
        return _parsed(text)
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
