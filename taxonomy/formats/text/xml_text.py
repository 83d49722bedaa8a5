"""XML of strangers, by expat as a stream: no document type, no entity, a bounded depth; linear in the text."""

from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from taxonomy.errors import TaxonomyError

_MAX_DEPTH = 1000


class Element(NamedTuple):
    """An element as it opens; `depth` counts the elements around it."""

    depth: int
    tag: str
    attributes: dict[str, str]
    line: int


def elements(text: str, source: str, max_depth: int = _MAX_DEPTH) -> Iterator[Element]:
    """The elements in the order of the text. Raises TaxonomyError, with the line, on what is unsafe or no XML."""
    found: list[Element] = []
    depth = 0
    parser = expat.ParserCreate("utf-8")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        if depth >= max_depth:
            raise TaxonomyError(f"nested more than {max_depth} elements deep", source=source)
        found.append(Element(depth, tag, attributes, parser.CurrentLineNumber))
        depth += 1

    def end(_tag: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise TaxonomyError("document types and entities are refused", source=source, line=parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(_without_encoding(text).encode("utf-8", "surrogatepass"), True)  # noqa: FBT003 (expat's own)
    except expat.ExpatError as error:
        raise TaxonomyError(f"not XML: {expat.ErrorString(error.code)}", source=source, line=error.lineno) from None
    return iter(found)


def _without_encoding(text: str) -> str:
    """The text without a declaration, whose encoding was that of the bytes; the line count stays."""
    start = text.lstrip()
    if not start.startswith("<?xml"):
        return text
    head, _, rest = start.partition("?>")
    return "\n" * (text[: len(text) - len(start)].count("\n") + head.count("\n")) + rest


def is_xml(text: str) -> bool:
    """Whether it begins as XML does."""
    return text.lstrip()[:1] == "<"
