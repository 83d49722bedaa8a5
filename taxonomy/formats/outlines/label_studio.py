"""XML trees: Label Studio's `<Taxonomy>` of `<Choice>`s, OPML, and other elements with a name inside one another."""

from collections import Counter
from collections.abc import Sequence

from taxonomy.errors import TaxonomyError, located
from taxonomy.formats.paths.ids import PathIds
from taxonomy.formats.protocol import TextFormat
from taxonomy.formats.text.xml_text import Element, elements, is_xml
from taxonomy.formats.vocabulary import id_strength, name_strength, plain
from taxonomy.graph import Node, Taxonomy, tidy

_SCORE, _OTHER_SCORE = 0.95, 0.4
_RDF = ("<rdf:", "w3.org/1999/02/22-rdf-syntax-ns", "<html", "<!DOCTYPE html")


def detect(text: str) -> float:
    """Whether it is XML with a Taxonomy of choices; other XML with names fits less well."""
    if not is_xml(text) or any(mark in text[:5000] for mark in _RDF):
        return 0.0
    if "<Taxonomy" in text and "<Choice" in text:
        return _SCORE
    try:
        return _OTHER_SCORE if len(_chosen(list(elements(text, "")))) > 1 else 0.0
    except TaxonomyError:
        return 0.0


def parse(text: str, source: str) -> Taxonomy:
    """Build the tree. Raises TaxonomyError, with the line, on what is no XML or holds no names."""
    chosen = _chosen(list(elements(text, source)))
    if not chosen:
        raise TaxonomyError("no element with a name, label, text or value", source=source)
    above: list[tuple[int, str, str]] = []  # depth, path, id
    nodes: list[Node] = []
    made = PathIds()
    for element in chosen:
        name, given = _name(element), _id(element)
        while above and above[-1][0] >= element.depth:
            above.pop()
        with located(source, element.line):
            path = made.below(above[-1][1] if above else None, name)
        alias = tidy(element.attributes.get("alias", ""))
        node_id = given or path
        parents = (above[-1][2],) if above else ()
        nodes.append(Node(node_id, name, parents, (alias,) if alias and alias != name else (), line=element.line))
        above.append((element.depth, path, node_id))
    return Taxonomy(nodes, source)


def _chosen(found: Sequence[Element]) -> list[Element]:
    """The choices of the first Taxonomy; where there is none, the elements of the commonest tag with a name."""
    for place, element in enumerate(found):
        if element.tag == "Taxonomy":
            inside = []
            for each in found[place + 1 :]:
                if each.depth <= element.depth:
                    break
                inside.append(each)
            return [each for each in inside if each.tag == "Choice" and _name(each)]
    named = [element for element in found if _name(element)]
    if not named:
        return []
    tag = Counter(element.tag for element in named).most_common(1)[0][0]
    return [element for element in named if element.tag == tag]


def _name(element: Element) -> str:
    titles = {plain(key): value for key, value in element.attributes.items()}
    best = max(titles, key=name_strength, default="")
    return tidy(titles[best]) if best and name_strength(best) else ""


def _id(element: Element) -> str:
    titles = {plain(key): value for key, value in element.attributes.items()}
    best = max(titles, key=id_strength, default="")
    return tidy(titles[best]) if best and id_strength(best) else ""


FORMAT = TextFormat("label-studio", detect, parse)
