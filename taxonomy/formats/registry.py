"""Which formats there are: ours, imported when they are needed, and those of entry points."""

import logging
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from taxonomy.errors import TaxonomyError
from taxonomy.formats.protocol import Format

log = logging.getLogger("cladist.formats")

ENTRY_POINTS = "cladist.formats"

# The most specific first: the first that detects a file reads it.
_MODULES = {
    "canonical-json": "canonical",
    "nested-json": "json.nested",
    "json-nodes": "json.node_list",
    "skos-rdfxml": "skos:RDF_XML",
    "skos-jsonld": "skos:JSON_LD",
    "skos-turtle": "skos:TURTLE",
    "labels-csv": "tables.labels_csv",
    "csv": "tables.adjacency",
    "tiers": "tables.tiers",
    "edge-list": "tables.edge_list",
    "path-lines": "tables.path_lines",
    "graphviz": "graphviz",
    "html": "html_tree",
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


def detect_format(text: str) -> Format | None:
    """The first format that takes the text for its own; plug-ins, which somebody chose to install, come before ours."""
    for name in sorted(_plugins()):
        try:
            known = get_format(name)
            if known.detect(text):
                return known
        except Exception as error:  # noqa: BLE001 (each driver raises errors of its own)
            log.warning("format %s is passed over: %s", name, error)
    return next((known for known in map(get_format, _MODULES) if known.detect(text)), None)


@cache
def _plugins() -> dict:  # type: ignore[type-arg]
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in _MODULES}
