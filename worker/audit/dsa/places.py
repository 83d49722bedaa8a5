"""Where the parts of a YAML document stand, by their keys; and that no key is there twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taxonomy import TaxonomyError

Place = tuple[str | int, ...]  # keys, and numbers in lists, from the top


@dataclass(frozen=True, slots=True)
class Places:
    """The line of each part of a document, as far down as was asked for."""

    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of a part, or of the nearest part around it; the first where there is none."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def find_places(text: str, source: str, depth: int = 4) -> Places:
    """The places of the first YAML document, which `load_yaml` has found to be sound. Raises TaxonomyError.

    depth: parts further down are not looked at.
    """
    import yaml  # noqa: PLC0415 (as `load_yaml` does)

    try:
        root = yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, RecursionError):  # several documents, or nested for its own sake
        raise TaxonomyError("not one YAML document, or nested too deeply", source=source) from None
    lines: dict[Place, int] = {}
    pending: list[tuple[Place, Any]] = [((), root)]
    while pending:
        place, node = pending.pop()
        if isinstance(node, yaml.MappingNode) and len(place) < depth:
            for key, value in node.value:
                below = (*place, str(key.value))
                line = key.start_mark.line + 1
                if below in lines:
                    raise TaxonomyError(f"the key {key.value!r:.80} is there twice", source=source, line=line)
                lines[below] = line
                pending.append((below, value))
        elif isinstance(node, yaml.SequenceNode) and len(place) < depth:
            for number, each in enumerate(node.value):
                lines[(*place, number)] = each.start_mark.line + 1
                pending.append(((*place, number), each))
    return Places(lines)
