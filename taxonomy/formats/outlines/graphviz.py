"""Graphviz DOT: written for pictures, with all that a node holds, and read back; edges of others are read as is-a."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from taxonomy.errors import TaxonomyError
from taxonomy.formats.notes import note
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy, tidy

_HEAD = re.compile(
    r"\s*(?:(?://|#)[^\n]*\s*|/\*.*?\*/\s*)*(?:strict\s+)?(?:di)?graph\b[^{;]{0,200}\{", re.DOTALL | re.IGNORECASE
)
_TOKEN = re.compile(
    r"\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/|(?P<edge>->|--)|(?P<sign>[{}\[\]=;,:+])|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|"
    r"(?P<html><[^<>]*>)|(?P<word>-?[\w.\u0080-\uffff]+)",
    re.DOTALL,
)
_DEFAULTS = frozenset({"node", "edge", "graph"})
_EXTRA = ("aliases", "names", "description", "replaced_by", "assignable", "deprecated")
_SCORE = 0.95

Attributes = dict[str, str]
Token = tuple[str, str, int]  # kind, text, line


def write(taxonomy: Taxonomy) -> str:
    """A digraph from the roots to the right; assignable nodes are bold, deprecated ones grey, parts dashed.

    What a picture does not show stands in the `comment` of a node, as JSON.
    """
    lines = ["digraph taxonomy {", "  rankdir=LR;", "  node [shape=box, style=rounded, fontname=Helvetica];"]
    for node in taxonomy:
        marks = ", style=bold" if node.assignable else ", color=gray, fontcolor=gray" if node.deprecated else ""
        extra = _extra(node)
        comment = f", comment={_quoted(json.dumps(extra, ensure_ascii=False))}" if extra else ""
        lines.append(f"  {_quoted(node.id)} [label={_quoted(node.name)}{marks}{comment}];")
        lines += [f"  {_quoted(parent)} -> {_quoted(node.id)};" for parent in node.parents]
        lines += [f"  {_quoted(whole)} -> {_quoted(node.id)} [style=dashed, label=part];" for whole in node.part_of]
    return "\n".join([*lines, "}", ""])


def detect(text: str) -> float:
    """Whether it begins as a graph does and has an edge."""
    return _SCORE if _HEAD.match(text[:10_000]) and ("->" in text or "--" in text or "label" in text) else 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the taxonomy. Raises TaxonomyError, with the line, on what is no DOT."""
    found = _HEAD.match(text[:10_000])
    if found is None:
        raise TaxonomyError("expected `digraph {`", source=source)
    reader = _Reader(source)
    reader.read(list(_tokens(text, found.end(), source)))
    return Taxonomy(reader.nodes(), source)


class _Reader:
    """Statements, one after the other; subgraphs are passed through."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._attributes: dict[str, Attributes] = {}
        self._parents: dict[str, list[str]] = {}
        self._wholes: dict[str, list[str]] = {}
        self._lines: dict[str, int] = {}

    def read(self, tokens: list[Token]) -> None:  # noqa: C901, PLR0912 (one branch a kind of token)
        """Read all statements. Raises TaxonomyError."""
        chain: list[list[str]] = []  # the groups of an edge statement; of a node statement one
        groups: list[int] = []  # where subgraphs that are ends of edges began in the chain
        place, joined = 0, False
        while place < len(tokens):
            kind, text, line = tokens[place]
            place += 1
            if kind == "id" and text in _DEFAULTS and not chain and place < len(tokens) and tokens[place][1] == "[":
                _, place = self._read_attributes(tokens, place)
            elif kind == "id" and text == "subgraph" and not joined:
                place += place < len(tokens) and tokens[place][0] == "id"
            elif kind == "id" and place < len(tokens) and tokens[place][:2] == ("sign", "=") and not joined:
                place += 2  # a setting of the graph
            elif kind == "id":
                name = tidy(text)
                self._attributes.setdefault(name, {})
                self._lines.setdefault(name, line)
                if groups and chain:
                    chain[-1].append(name)
                elif joined or not chain:
                    chain.append([name])
                else:
                    self._edges(chain, {})
                    chain = [[name]]
                joined = False
            elif kind == "edge":
                joined = True
            elif text == ":":
                place += 1
            elif text == "{" and joined:
                groups.append(place)
                chain.append([])
                joined = False
            elif text == "[":
                attributes, place = self._read_attributes(tokens, place - 1)
                self._edges(chain, attributes)
                chain = []
            elif text == "}" and groups:
                groups.pop()
            elif text in ";,}{" and not groups:
                self._edges(chain, {})
                chain, joined = [], False
        self._edges(chain, {})

    def _read_attributes(self, tokens: list[Token], place: int) -> tuple[Attributes, int]:
        found: Attributes = {}
        line = tokens[place][2]
        place += 1
        while place < len(tokens) and tokens[place][1:2] != ("]",):
            if tokens[place][0] == "id" and place + 2 < len(tokens) and tokens[place + 1][:2] == ("sign", "="):
                found[tokens[place][1].lower()] = tokens[place + 2][1]
                place += 3
            else:
                place += 1
        if place >= len(tokens):
            raise TaxonomyError("a bracket that is not closed", source=self._source, line=line)
        return found, place + 1

    def _edges(self, chain: list[list[str]], attributes: Attributes) -> None:
        if len(chain) == 1:
            for name in chain[0]:
                self._attributes[name].update(attributes)
        is_part = attributes.get("label") == "part" and attributes.get("style") == "dashed"
        above = self._wholes if is_part else self._parents
        for ups, downs in pairwise(chain):
            for down in downs:
                above.setdefault(down, []).extend(ups)

    def nodes(self) -> Iterator[Node]:
        """The nodes. Raises TaxonomyError on a comment of ours that was changed into something else."""
        for name, attributes in self._attributes.items():
            label = re.sub(r"\\[nlrG]", " ", attributes.get("label", "")).strip()
            node = Node(
                name,
                name if label in ("", "\\N") else label,
                tuple(self._parents.get(name, ())),
                part_of=tuple(self._wholes.get(name, ())),
                line=self._lines[name],
            )
            yield replace(node, **_fields(attributes.get("comment", "")))


def _tokens(text: str, place: int, source: str) -> Iterator[Token]:
    line = text.count("\n", 0, place) + 1
    undirected = False
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise TaxonomyError(f"not DOT: {text[place : place + 20]!r}", source=source, line=line)
        place = match.end()
        kind = match.lastgroup
        if kind in ("edge", "sign"):
            undirected |= match[0] == "--"
            yield str(kind), match[0], line
        elif kind == "quoted":
            yield "id", re.sub(r"\\(.)", _unescaped, match["quoted"].replace("\\\n", "")), line
        elif kind is not None:
            yield "id", match[0].strip("<>"), line
        line += match[0].count("\n")
    if undirected:
        note("edges without a direction were read as parent -- child")


def _unescaped(match: re.Match[str]) -> str:
    return match[1] if match[1] in '"\\' else match[0]


def _extra(node: Node) -> dict[str, Any]:
    held: dict[str, Any] = {"aliases": list(node.aliases), "names": dict(node.names), "description": node.description,
                            "replaced_by": node.replaced_by, "assignable": node.assignable,
                            "deprecated": node.deprecated}  # fmt: skip
    return {key: value for key, value in held.items() if value}


def _fields(comment: str) -> dict[str, Any]:
    """The fields in a comment of ours; none in any other."""
    try:
        held = json.loads(comment) if comment.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    if not isinstance(held, dict):
        return {}
    kinds = {
        "aliases": list,
        "names": dict,
        "description": str,
        "replaced_by": str,
        "assignable": bool,
        "deprecated": bool,
    }
    found = {key: held[key] for key, kind in kinds.items() if isinstance(held.get(key), kind)}
    texts = [*found.get("aliases", ()), *found.get("names", {}).values()]
    if not all(isinstance(text, str) for text in texts) or any("\ud800" <= sign <= "\udfff" for sign in comment):
        return {}
    return {**found, "aliases": tuple(found.get("aliases", ()))}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


FORMAT = TextFormat("graphviz", detect, parse, write)
