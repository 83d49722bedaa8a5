"""What a taxonomy format must offer."""

from collections.abc import Callable
from dataclasses import dataclass

from taxonomy.graph import Taxonomy


@dataclass(frozen=True, slots=True)
class Format:
    """A named file format. `parse` takes the text and the name of its source, and may raise TaxonomyError."""

    name: str
    detect: Callable[[str], bool]
    parse: Callable[[str, str], Taxonomy]
