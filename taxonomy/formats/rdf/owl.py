"""OWL and RDFS classes: rdfs:subClassOf is the edge, rdfs:label the name; anonymous classes are passed over."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from taxonomy.formats.doubts.notes import note
from taxonomy.graph import Node, Taxonomy

if TYPE_CHECKING:
    from rdflib import Graph

_OBO_IN_OWL = "http://www.geneontology.org/formats/oboInOwl#"


def taxonomy_of_classes(graph: "Graph", source: str) -> Taxonomy | None:
    """The taxonomy of the named classes; None where there is none. owl:Thing is no node. Raises TaxonomyError."""
    from rdflib import OWL, RDF, RDFS, URIRef  # noqa: PLC0415 (lazy)

    classes: set[Any] = {s for kind in (OWL.Class, RDFS.Class) for s in graph.subjects(RDF.type, kind)}
    edges = [(child, parent) for child, parent in graph.subject_objects(RDFS.subClassOf)
             if isinstance(parent, URIRef) and isinstance(child, URIRef) and parent != OWL.Thing]  # fmt: skip
    classes |= {child for child, _ in edges}
    classes = {each for each in classes if isinstance(each, URIRef)} - {OWL.Thing, OWL.Nothing}
    outside = {parent for _, parent in edges} - classes
    if outside:
        note(f"{len(outside)} superclasses that this file only names became roots")
        classes |= outside
    if not classes:
        return None
    ids = {each: _end(each) for each in classes}
    if len(set(ids.values())) < len(ids):
        ids = {each: str(each) for each in classes}
    above: dict[Any, set[str]] = {each: set() for each in classes}
    for child, parent in edges:
        if child != parent:
            above[child].add(ids[parent])
    return Taxonomy((_node(graph, each, ids, above[each]) for each in sorted(classes)), source)


def _node(graph: "Graph", here: Any, ids: dict[Any, str], parents: set[str]) -> Node:
    from rdflib import OWL, RDFS, SKOS, Namespace  # noqa: PLC0415 (lazy)

    labels: list[Any] = [
        label for predicate in (RDFS.label, SKOS.prefLabel) for label in graph.objects(here, predicate)
    ]
    names = {label.language.lower(): str(label) for label in labels if getattr(label, "language", None)}
    plain = sorted(str(label) for label in labels if not getattr(label, "language", None))
    name = next(iter([*plain, *(names[key] for key in ("en", "en-us", "en-gb") if key in names)]), None)
    obo = Namespace(_OBO_IN_OWL)
    aliases = [str(v) for p in (SKOS.altLabel, obo.hasExactSynonym) for v in graph.objects(here, p) if str(v).strip()]
    deprecated = any(str(value).lower() in {"true", "1"} for value in graph.objects(here, OWL.deprecated))
    description = next(iter(sorted(map(str, graph.objects(here, RDFS.comment)))), "")
    return Node(ids[here], name or names.get(min(names, default=""), "") or ids[here], tuple(parents), tuple(aliases),
                names, description, deprecated=deprecated)  # fmt: skip


def _end(address: Any) -> str:
    return unquote(re.split(r"[#/]", str(address).rstrip("/#"))[-1]) or str(address)
