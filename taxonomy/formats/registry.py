"""Which formats there are: ours, imported when they are needed, and those of entry points."""

import logging
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple, cast

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import Format

log = logging.getLogger("cladist.formats")

ENTRY_POINTS = "cladist.formats"

# Of formats that fit a text equally well the first here is taken.
_MODULES = {
    "canonical-json": "canonical",
    "coco": "json.coco",
    "nested-json": "json.entries:NESTED",
    "json-nodes": "json.entries:NODES",
    "json-mapping": "json.mapping",
    "json-table": "json.table",
    "json-lines": "json.lines",
    "yaml": "json.yaml_text",
    "skos-rdfxml": "rdf.skos:RDF_XML",
    "skos-jsonld": "rdf.skos:JSON_LD",
    "skos-turtle": "rdf.skos:TURTLE",
    "n-triples": "rdf.skos:N_TRIPLES",
    "obo": "outlines.obo",
    "labels-csv": "tables.labels_csv",
    "csv": "tables.adjacency",
    "tiers": "tables.tiers",
    "path-column": "tables.path_column",
    "edge-list": "tables.edge_list",
    "path-lines": "paths.path_lines",
    "outline": "outlines.indented",
    "newick": "outlines.newick",
    "graphviz": "outlines.graphviz",
    "label-studio": "outlines.label_studio",
    "html": "outlines.html_tree",
}


def format_names() -> list[str]:
    """The names of all formats, ours first."""
    return [*_MODULES, *sorted(_plugins())]


def get_format(name: str) -> Format:
    """The format of that name. Raises TaxonomyError on an unknown one, and on a plug-in that cannot be loaded."""
    if name in _MODULES:
        module, _, attribute = _MODULES[name].partition(":")
        return cast("Format", getattr(import_module(f"taxonomy.formats.{module}"), attribute or "FORMAT"))
    plugins = _plugins()
    if name not in plugins:
        raise TaxonomyError(f"unknown format {name!r}; known: {', '.join(format_names())}")
    try:
        return cast("Format", plugins[name].load())
    except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
        raise TaxonomyError(f"the format {name!r} of {plugins[name].value} cannot be loaded: {error}") from None


def is_builtin(known: Format) -> bool:
    """Whether it is one of ours, whose errors are ours as well."""
    return known.name in _MODULES and get_format(known.name) is known


class Candidate(NamedTuple):
    """A format that may take a text, and how well it fits, in (0, 1]."""

    format: Format
    score: float


def rank_formats(text: str) -> list[Candidate]:
    """The formats that take the text, the best first; plug-ins, which somebody chose to install, come before ours."""
    found: list[Candidate] = []
    for name in sorted(_plugins()):
        try:
            known = get_format(name)
            found.append(Candidate(known, float(known.detect(text))))
        except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
            log.warning("format %s is passed over: %s", name, error)
    theirs = sorted(found, key=lambda candidate: -candidate.score)
    ours = [Candidate(known, float(known.detect(text))) for known in map(get_format, _MODULES)]
    ranked = [*theirs, *sorted(ours, key=lambda candidate: -candidate.score)]
    return [candidate for candidate in ranked if candidate.score > 0]


@cache
def _plugins() -> dict:  # type: ignore[type-arg]
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    for name in found.keys() & _MODULES.keys():
        log.warning("format %s of %s is passed over: the name is taken", name, found.pop(name).value)
    return found
