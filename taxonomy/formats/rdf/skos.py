"""SKOS concepts and OWL classes in Turtle, N-Triples, RDF/XML and JSON-LD, by rdflib, imported when such a file is met.

prefLabel by language is the name and `names`, altLabel the aliases, broader and narrower the edges, owl:deprecated and
dcterms:isReplacedBy what they say. The id is skos:notation, else what follows the last # or / of the concept's address.
Only concepts are nodes: schemes, collections and whatever else has a label are not. Nothing is fetched: documents
that name a remote context, a document type or an entity are refused.
"""

import json
import logging
import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from taxonomy.errors import TaxonomyError, first_line
from taxonomy.formats.json.text import load_json
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.rdf import owl
from taxonomy.formats.rdf.guards import MAX_NESTING, refuse_entities, refuse_nesting, refuse_remote
from taxonomy.formats.text.xml_text import elements, is_xml
from taxonomy.graph import Node, Taxonomy

if TYPE_CHECKING:
    from rdflib import Graph

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_OWN = "https://cladist.dev/ns#"  # what SKOS has no word for
_BASE = "urn:cladist:node:"
_MARKS = re.compile(r"w3\.org/(?:2004/02/skos/core#|2002/07/owl#|2000/01/rdf-schema#)|w3\.org/2008/05/skos-xl#")
_TRIPLE = re.compile(r"^\s*(?:<[^<>\s]*>|_:\S+)\s+<[^<>\s]*>\s+.*\.\s*(?:#.*)?$")
_SCORE, _OWL_SCORE = 0.96, 0.94


def detect_turtle(text: str) -> float:
    """Whether it names SKOS, or OWL or RDFS classes, and is neither XML nor JSON nor N-Triples."""
    if (
        (is_xml(text) and not text.lstrip().startswith("<http"))
        or text.lstrip()[:1] in ("{", "[")
        or detect_triples(text)
    ):
        return 0.0
    return _score(text) if _MARKS.search(text) and ("@prefix" in text or "PREFIX" in text or "<http" in text) else 0.0


def detect_triples(text: str) -> float:
    """Whether its first lines are triples, or quads, that name SKOS or OWL."""
    lines = [line for line in text[:20_000].splitlines()[:-1][:20] if line.strip() and not line.startswith("#")]
    if not lines:
        lines = [line for line in text[:20_000].splitlines() if line.strip() and not line.startswith("#")]
    is_triples = bool(lines) and all(_TRIPLE.match(line) for line in lines)
    return _score(text) + 0.01 if is_triples and _MARKS.search(text) else 0.0


def detect_xml(text: str) -> float:
    """Whether it is XML that names SKOS, or OWL or RDFS classes."""
    return _score(text) if is_xml(text) and ("<rdf:" in text or "rdf-syntax-ns#" in text or _SKOS in text) else 0.0


def detect_jsonld(text: str) -> float:
    """Whether it is JSON with a context or ids that names SKOS or OWL."""
    return _score(text) if text.lstrip().startswith(("{", "[")) and _MARKS.search(text) and '"@' in text else 0.0


def parse_turtle(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from Turtle. Raises TaxonomyError."""
    refuse_nesting(text, "[(", "])", source)
    return _taxonomy(_graph(text, "turtle", source), source)


def parse_triples(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from N-Triples or N-Quads. Raises TaxonomyError."""
    return _taxonomy(_graph(text, "nquads", source), source)


def parse_xml(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from RDF/XML. Raises TaxonomyError; also on a document type, which is where entities live."""
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE) is None:
        for _ in elements(text, source, MAX_NESTING):
            break
    else:
        refuse_entities(text, source)
    return _taxonomy(_graph(text, "xml", source), source)


def parse_jsonld(text: str, source: str) -> Taxonomy:
    """Build the taxonomy from JSON-LD. Raises TaxonomyError; also on a context that would have to be fetched."""
    refuse_nesting(text, "[{", "]}", source)
    refuse_remote(load_json(text, source), source)
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


def _score(text: str) -> float:
    return _SCORE if _SKOS in text else _OWL_SCORE


def _graph(text: str, form: str, source: str) -> "Graph":
    from rdflib import Dataset, Graph  # noqa: PLC0415 (lazy: half a second)

    logging.getLogger("rdflib").setLevel(logging.ERROR)  # its advice on odd literals; what is wrong raises
    graph, named = Graph(), Dataset()
    into = named if form in ("json-ld", "nquads") else graph
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # inside rdflib
            into.parse(data=text, format=form, publicID=_BASE)
            for subject, predicate, value, _ in named.quads():  # all graphs are one
                graph.add((subject, predicate, value))
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        line = getattr(error, "lines", None)
        line = line + 1 if isinstance(line, int) else _line_of(error)
        raise TaxonomyError(
            f"not SKOS or OWL in {form}: {first_line(error):.120}", source=source, line=line or None
        ) from None
    return graph


def _line_of(error: Exception) -> int | None:
    number = getattr(error, "getLineNumber", None)
    found = number() if callable(number) else getattr(error, "lineno", None)
    return found if isinstance(found, int) else None


def _taxonomy(graph: "Graph", source: str) -> Taxonomy:
    from rdflib import SKOS  # noqa: PLC0415 (lazy)

    concepts = concepts_of(graph)
    if not concepts:
        classes = owl.taxonomy_of_classes(graph, source)
        if classes is None:
            raise TaxonomyError("no SKOS concept and no class", source=source)
        return classes
    for predicate, kind in ((SKOS.broader, "unknown parent"), (SKOS.narrower, "unknown child")):
        for subject, value in graph.subject_objects(predicate):
            if value not in concepts or subject not in concepts:
                raise TaxonomyError(f"{kind}: {value} of {subject}: not both are concepts of this file", source=source)
    ids = {concept: _id(graph, concept) for concept in concepts}
    if len(set(ids.values())) < len(ids):
        ids = {concept: str(concept) for concept in concepts}  # notations or ends of addresses that are not unique
    return Taxonomy((_node(graph, concept, ids, source) for concept in sorted(concepts, key=ids.__getitem__)), source)


def concepts_of(graph: "Graph") -> set[Any]:
    """What is typed as a concept or stands in a relation between concepts; of untyped things those with a prefLabel."""
    from rdflib import RDF, SKOS  # noqa: PLC0415 (lazy)

    groups = {s for kind in (SKOS.ConceptScheme, SKOS.Collection, SKOS.OrderedCollection)
              for s in graph.subjects(RDF.type, kind)}  # fmt: skip
    groups |= set(graph.objects(None, SKOS.inScheme)) | set(graph.subjects(SKOS.member))
    typed = set(graph.subjects(RDF.type, SKOS.Concept))
    untyped = {s for s in graph.subjects(SKOS.prefLabel) if (s, RDF.type, None) not in graph}
    related = {s for relation in (SKOS.broader, SKOS.narrower, SKOS.topConceptOf) for s in graph.subjects(relation)}
    related |= set(graph.objects(None, SKOS.hasTopConcept))
    return typed | ((untyped | related) - groups)


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


TURTLE = TextFormat("skos-turtle", detect_turtle, parse_turtle, write_turtle)
N_TRIPLES = TextFormat("n-triples", detect_triples, parse_triples)
RDF_XML = TextFormat("skos-rdfxml", detect_xml, parse_xml)
JSON_LD = TextFormat("skos-jsonld", detect_jsonld, parse_jsonld)
