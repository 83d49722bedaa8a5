"""What keeps hostile RDF from the parsers: deep nesting, entities, remote contexts. Linear in the text."""

import re
from typing import Any

from taxonomy.errors import TaxonomyError

MAX_NESTING = 200
_ENTITY = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_LITERALS = ('"""', "'''", '"', "'")


def refuse_nesting(text: str, opening: str, closing: str, source: str) -> None:
    """Raise TaxonomyError on brackets, outside of quotes and comments, nested deeper than a parser's stack."""
    depth = place = 0
    wanted = re.compile(f"[{re.escape(opening + closing)}\"'#<]")
    while match := wanted.search(text, place):
        place = match.end()
        sign = match[0]
        if sign in "\"'":
            place = _after_literal(text, match.start())
        elif sign == "#" and opening == "[(":
            place = _after(text, "\n", place)
        elif sign == "<" and opening == "[(":
            end = text.find(">", place, place + 2000)
            place = end + 1 if end >= 0 and not set(text[place:end]) & set(" \n\t<") else place
        elif sign in opening or sign in closing:
            depth += 1 if sign in opening else -1
            if depth > MAX_NESTING:
                raise TaxonomyError(f"nested more than {MAX_NESTING} brackets deep", source=source)


def _after_literal(text: str, start: int) -> int:
    """The place after the literal that begins at `start`; the end of the line, or the text, where it does not end."""
    quote = next(each for each in _LITERALS if text.startswith(each, start))
    ends = re.compile(rf"\\.|{re.escape(quote)}" if len(quote) > 1 else rf"\\.|{quote}|\n", re.DOTALL)
    place = start + len(quote)
    while match := ends.search(text, place):
        place = match.end()
        if not match[0].startswith("\\"):
            return place
    return len(text)


def _after(text: str, sign: str, place: int) -> int:
    found = text.find(sign, place)
    return len(text) if found < 0 else found


def refuse_entities(text: str, source: str) -> None:
    """Raise TaxonomyError, with the line, on a document type, which is where entities live."""
    found = _ENTITY.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise TaxonomyError("document types and entities are refused", source=source, line=line)


def refuse_remote(value: Any, source: str) -> None:
    """Raise TaxonomyError on a JSON-LD context that would have to be fetched."""
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            contexts = here.get("@context", [])
            for context in contexts if isinstance(contexts, list) else [contexts]:
                if isinstance(context, str) or (isinstance(context, dict) and "@import" in context):
                    raise TaxonomyError(f"a remote @context is not fetched: {context!r:.80}", source=source)
            pending.extend(here.values())
        elif isinstance(here, list):
            pending.extend(here)
