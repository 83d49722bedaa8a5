"""Graphviz DOT: written for pictures, with all that a node holds, and read back; edges of others are read as is-a."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from taxonomy.errors import TaxonomyError
from taxonomy.formats.doubts.notes import note
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy, tidy

_HEAD = re.compile(
    r"\s*(?:(?://|#)[^\n]*+\s*+|/\*(?>.*?\*/)\s*+)*+(?:strict\s+)?(?:di)?graph\b[^{;]{0,200}\{",
    re.DOTALL | re.IGNORECASE,
)
_TOKEN = re.compile(
    r"\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/|(?P<edge>->|--)|(?P<sign>[{}\[\]=;,:+])|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|"
    r"(?P<html><[^<>]*>)|(?P<word>-?[\w.\u0080-\uffff]+)",
    re.DOTALL,
)
_DEFAULTS = frozenset({"node", "edge", "graph"})
_EXTRA = ("aliases", "names", "description", "replaced_by", "assignable", "deprecated")
_SCORE = 0.95

_MAX_EDGES = 5_000_000  # groups make the product of their sizes
_BREAKS = {"n": " ", "l": " ", "r": " ", "G": "", '"': '"', "\\": "\\"}


class Token(NamedTuple):
    """A piece of DOT: an edge, a sign, a word, or a quoted or HTML text as it is written."""

    kind: str
    text: str
    line: int

    @property
    def is_name(self) -> bool:
        """Whether it may name something."""
        return self.kind in ("word", "quoted", "html")

    @property
    def plain(self) -> str:
        """The text without its quoting."""
        if self.kind != "quoted":
            return self.text
        return re.sub(r"\\(.)", lambda found: found[1] if found[1] in '"\\' else found[0], self.text)

    def label(self, name: str) -> str:
        """The text as the label of a node of that name shows it."""
        if self.kind != "quoted":
            return self.text
        shown = {**_BREAKS, "N": name}
        return re.sub(r"\\(.)", lambda found: shown.get(found[1], found[0]), self.text)


_END = Token("end", "", 0)
Attributes = dict[str, Token]


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
    """Statements, one after the other; subgraphs are passed through, or are ends of edges."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._attributes: dict[str, Attributes] = {}
        self._parents: dict[str, list[str]] = {}
        self._wholes: dict[str, list[str]] = {}
        self._lines: dict[str, int] = {}
        self._edge_count = 0
        self._chain: list[list[str]] = []  # the groups of an edge statement; of a node statement one
        self._groups = 0  # how many subgraphs that are ends of edges are open
        self._joined = False  # whether an arrow came last

    def read(self, tokens: list[Token]) -> None:
        """Read all statements. Raises TaxonomyError."""
        place = 0
        while place < len(tokens):
            place = self._read_name(tokens, place) if tokens[place].is_name else self._read_sign(tokens, place)
        self._end({})

    def _read_name(self, tokens: list[Token], place: int) -> int:
        token, following = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else _END
        word = token.text.lower() if token.kind == "word" else ""
        if word in _DEFAULTS and not self._chain and following.text == "[":
            return self._read_attributes(tokens, place + 1)[1]
        if word == "subgraph":
            return place + 1 + following.is_name
        if following[:2] == ("sign", "=") and not self._joined:
            return place + 3  # a setting of the graph
        name = tidy(token.plain)
        self._attributes.setdefault(name, {})
        self._lines.setdefault(name, token.line)
        if self._groups and self._chain:
            self._chain[-1].append(name)
        elif self._joined or not self._chain:
            self._chain.append([name])
        else:
            self._end({})
            self._chain = [[name]]
        self._joined = False
        return place + 1

    def _read_sign(self, tokens: list[Token], place: int) -> int:
        kind, text, _ = tokens[place]
        if kind == "edge":
            self._joined = True
        elif text == ":":
            return place + 2  # the port of a node
        elif text == "[":
            attributes, place = self._read_attributes(tokens, place)
            self._take(attributes)
            return place
        elif text == "{" and self._joined:
            self._groups += 1
            self._chain.append([])
            self._joined = False
        elif text == "}" and self._groups:
            self._groups -= 1
        elif text in ";,}{" and not self._groups:
            self._end({})
        return place + 1

    def _read_attributes(self, tokens: list[Token], place: int) -> tuple[Attributes, int]:
        found: Attributes = {}
        line = tokens[place].line
        place += 1
        while place < len(tokens) and tokens[place][:2] != ("sign", "]"):
            if tokens[place].is_name and place + 2 < len(tokens) and tokens[place + 1][:2] == ("sign", "="):
                found[tokens[place].plain.lower()] = tokens[place + 2]
                place += 3
            else:
                place += 1
        if place >= len(tokens):
            raise TaxonomyError("a bracket that is not closed", source=self._source, line=line)
        return found, place + 1

    def _take(self, attributes: Attributes) -> None:
        """Attributes end a statement, but not inside a group, where they are those of its last node."""
        if self._groups and self._chain and self._chain[-1]:
            self._attributes[self._chain[-1][-1]].update(attributes)
        else:
            self._end(attributes)

    def _end(self, attributes: Attributes) -> None:
        chain, self._chain, self._joined = self._chain, [], False
        if len(chain) == 1:
            for name in chain[0]:
                self._attributes[name].update(attributes)
        said = {key: token.plain for key, token in attributes.items()}
        above = self._wholes if (said.get("label"), said.get("style")) == ("part", "dashed") else self._parents
        for ups, downs in pairwise(chain):
            self._edge_count += len(ups) * len(downs)
            if self._edge_count > _MAX_EDGES:
                raise TaxonomyError(f"more than {_MAX_EDGES} edges", source=self._source)
            for down in downs:
                above.setdefault(down, []).extend(ups)

    def nodes(self) -> Iterator[Node]:
        """The nodes, with the fields that a comment of ours gives."""
        for name, attributes in self._attributes.items():
            label = attributes["label"].label(name).strip() if "label" in attributes else ""
            parents, wholes = self._parents.get(name, ()), self._wholes.get(name, ())
            node = Node(name, label or name, tuple(parents), part_of=tuple(wholes), line=self._lines[name])
            yield replace(node, **_fields(attributes["comment"].plain if "comment" in attributes else ""))


def _tokens(text: str, place: int, source: str) -> Iterator[Token]:
    line = text.count("\n", 0, place) + 1
    undirected = False
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise TaxonomyError(f"not DOT: {text[place : place + 20]!r}", source=source, line=line)
        place = match.end()
        kind = match.lastgroup
        undirected |= kind == "edge" and match[0] == "--"
        if kind == "quoted":
            yield Token(kind, match[kind].replace("\\\n", ""), line)
        elif kind is not None:
            yield Token(kind, match[0].strip("<>") if kind == "html" else match[0], line)
        line += match[0].count("\n")
    if undirected:
        note("edges without a direction were read as parent -- child")


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
