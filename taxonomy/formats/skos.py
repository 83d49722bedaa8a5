"""SKOS concepts in Turtle, RDF/XML and JSON-LD, by rdflib, which is imported when such a file is met.

prefLabel by language is the name and `names`, altLabel the aliases, broader and narrower the edges, owl:deprecated and
dcterms:isReplacedBy what they say. The id is skos:notation, else what follows the last # or / of the concept's address.
Nothing is fetched: documents that name a remote context, a document type or an entity are refused.
"""

import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.formats.json.text import load_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.graph import Node, Taxonomy

if TYPE_CHECKING:
    from rdflib import Graph

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_OWN = "https://cladist.dev/ns#"  # what SKOS has no word for
_BASE = "urn:cladist:node:"
_SKOS_MARK = "w3.org/2004/02/skos/core#"
_MAX_NESTING = 200


def detect_turtle(text: str) -> bool:
    """Whether it names SKOS and is neither XML nor JSON."""
    return _SKOS_MARK in text and not text.lstrip().startswith(("<?xml", "<rdf", "<!", "{", "["))


def detect_xml(text: str) -> bool:
    """Whether it is XML that names SKOS."""
    return _SKOS_MARK in text and text.lstrip().startswith(("<?xml", "<rdf", "<!"))


def detect_jsonld(text: str) -> bool:
    """Whether it is JSON with a context or ids that names SKOS."""
    return text.lstrip().startswith(("{", "[")) and _SKOS_MARK in text and '"@' in text


def parse_turtle(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from Turtle. Raises TaxonomyError."""
    _refuse_nesting(text, "[(", "])", source)
    return _taxonomy(_graph(text, "turtle", source), source)


def parse_xml(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from RDF/XML. Raises TaxonomyError; also on a document type, which is where entities live."""
    found = re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise TaxonomyError("document types and entities are refused", source=source, line=line)
    if _xml_depth(text) > _MAX_NESTING:
        raise TaxonomyError(f"nested more than {_MAX_NESTING} elements deep", source=source)
    return _taxonomy(_graph(text, "xml", source), source)


def parse_jsonld(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from JSON-LD. Raises TaxonomyError; also on a context that would have to be fetched."""
    _refuse_nesting(text, "[{", "]}", source)
    _refuse_remote(load_json(text, source), source)
    return _taxonomy(_graph(text, "json-ld", source), source)


def write_turtle(taxonomy: Taxonomy) -> str:
    """Turtle that reads back as the same release."""
    from rdflib import OWL, RDF, SKOS, DCTERMS, Graph, Literal, Namespace, URIRef  # noqa: PLC0415, I001 (lazy)

    graph, own = Graph(), Namespace(_OWN)
    for prefix, namespace in (("skos", SKOS), ("owl", OWL), ("dcterms", DCTERMS), ("cladist", own)):
        graph.bind(prefix, namespace)
    uris = {node.id: URIRef(_BASE + quote(node.id, safe="")) for node in taxonomy}
    for node in taxonomy:
        here = uris[node.id]
        triples: list[tuple[Any, Any]] = [
            (RDF.type, SKOS.Concept), (SKOS.notation, Literal(node.id)), (SKOS.prefLabel, Literal(node.name)),
            *((SKOS.broader, uris[parent]) for parent in node.parents),
            *((SKOS.altLabel, Literal(alias)) for alias in node.aliases),
            *((own.partOf, uris[whole]) for whole in node.part_of),
            *((own.name, Literal(json.dumps([locale, name]))) for locale, name in node.names.items()),
        ]  # fmt: skip
        if node.description:
            triples.append((SKOS.definition, Literal(node.description)))
        if node.assignable:
            triples.append((own.assignable, Literal(lexical_or_value=True)))
        if node.deprecated:
            triples.append((OWL.deprecated, Literal(lexical_or_value=True)))
        if node.replaced_by is not None:
            triples.append((DCTERMS.isReplacedBy, Literal(node.replaced_by)))
        for predicate, value in triples:
            graph.add((here, predicate, value))
    return graph.serialize(format="turtle")


def _graph(text: str, form: str, source: str) -> "Graph":
    from rdflib import Graph  # noqa: PLC0415 (lazy: half a second)

    logging.getLogger("rdflib").setLevel(logging.ERROR)  # its advice on odd literals; what is wrong raises
    graph = Graph()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # inside rdflib
            graph.parse(data=text, format=form, publicID=_BASE)
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        line = getattr(error, "lines", None)
        line = line + 1 if isinstance(line, int) else _line_of(error)
        raise TaxonomyError(f"not SKOS in {form}: {first_line(error):.120}", source=source, line=line or None) from None
    return graph


def _line_of(error: Exception) -> int | None:
    number = getattr(error, "getLineNumber", None)
    found = number() if callable(number) else getattr(error, "lineno", None)
    return found if isinstance(found, int) else None


def _taxonomy(graph: "Graph", source: str) -> Taxonomy:
    from rdflib import RDF, SKOS  # noqa: PLC0415 (lazy)

    concepts = set(graph.subjects(RDF.type, SKOS.Concept)) | set(graph.subjects(SKOS.prefLabel))
    for predicate, kind in ((SKOS.broader, "unknown parent"), (SKOS.narrower, "unknown child")):
        for subject, value in graph.subject_objects(predicate):
            if value not in concepts or subject not in concepts:
                raise TaxonomyError(f"{kind}: {value} of {subject}: not both are concepts of this file", source=source)
    ids = {concept: _id(graph, concept) for concept in concepts}
    if len(set(ids.values())) < len(ids):
        ids = {concept: str(concept) for concept in concepts}  # notations or ends of addresses that are not unique
    return Taxonomy((_node(graph, concept, ids, source) for concept in sorted(concepts, key=ids.__getitem__)), source)


def _id(graph: "Graph", concept: Any) -> str:
    from rdflib import SKOS  # noqa: PLC0415 (lazy)

    notations = sorted(str(value) for value in graph.objects(concept, SKOS.notation))
    if notations:
        return notations[0]
    address = str(concept)
    return unquote(re.split(r"[#/]|urn:cladist:node:", address.rstrip("/#"))[-1]) or address


def _node(graph: "Graph", concept: Any, ids: dict[Any, str], source: str) -> Node:
    from rdflib import DCTERMS, OWL, SKOS, Namespace  # noqa: PLC0415 (lazy)

    own = Namespace(_OWN)
    parents = {ids[value] for value in graph.objects(concept, SKOS.broader)}
    parents |= {ids[value] for value in graph.subjects(SKOS.narrower, concept)}
    labels = list(graph.objects(concept, SKOS.prefLabel))
    names = {_language(label): str(label) for label in labels if _language(label)}
    names |= _own_names(graph.objects(concept, own.name), source)
    plain = sorted(str(label) for label in labels if not _language(label))
    name = next(iter([*plain, *(names[key] for key in ("en", "en-us", "en-gb") if key in names)]), None)
    if name is None:
        name = names[min(names)] if names else ids[concept]
    replacement = next(iter(sorted(str(ids.get(v, v)) for v in graph.objects(concept, DCTERMS.isReplacedBy))), None)
    try:
        return Node(
            id=ids[concept],
            name=name,
            parents=tuple(parents),
            aliases=tuple(str(value) for value in graph.objects(concept, SKOS.altLabel)),
            names=names,
            description=next(iter(sorted(map(str, graph.objects(concept, SKOS.definition)))), ""),
            assignable=_is_true(graph.objects(concept, own.assignable)),
            deprecated=_is_true(graph.objects(concept, OWL.deprecated)),
            replaced_by=replacement,
            part_of=tuple(ids.get(value, str(value)) for value in graph.objects(concept, own.partOf)),
        )
    except KeyError as error:
        raise TaxonomyError(f"{concept}: {error} is no concept", source=source) from None


def _own_names(pairs: Iterable[Any], source: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for pair in pairs:
        value = load_json(str(pair), source)
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)):  # noqa: PLR2004
            raise TaxonomyError(f"{str(pair)[:60]!r} is no pair of locale and name", source=source)
        names[value[0]] = value[1]
    return names


def _language(label: Any) -> str:
    return (getattr(label, "language", None) or "").lower()


def _is_true(values: Iterable[Any]) -> bool:
    return any(str(value).lower() in {"true", "1"} for value in values)


def _refuse_nesting(text: str, opening: str, closing: str, source: str) -> None:
    """Raise TaxonomyError on brackets, outside of quotes, nested deeper than any parser's stack."""
    depth = 0
    quoted = re.sub(r'"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"', "", text, flags=re.DOTALL)
    for sign in _signs(quoted, opening + closing):
        depth += 1 if sign in opening else -1
        if depth > _MAX_NESTING:
            raise TaxonomyError(f"nested more than {_MAX_NESTING} brackets deep", source=source)


def _signs(text: str, wanted: str) -> Iterator[str]:
    for match in re.finditer(f"[{re.escape(wanted)}]", text):
        yield match[0]


def _xml_depth(text: str) -> int:
    depth = deepest = 0
    for match in re.finditer(r"<(/?)[A-Za-z][^>]*?(/?)>", text):
        depth += -1 if match[1] else 0 if match[2] else 1
        deepest = max(deepest, depth)
    return deepest


def _refuse_remote(value: Any, source: str) -> None:
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


TURTLE = TextFormat("skos-turtle", detect_turtle, parse_turtle, write_turtle)
RDF_XML = TextFormat("skos-rdfxml", detect_xml, parse_xml)
JSON_LD = TextFormat("skos-jsonld", detect_jsonld, parse_jsonld)
