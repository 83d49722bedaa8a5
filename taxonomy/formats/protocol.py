"""What a taxonomy format must offer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from taxonomy.errors import TaxonomyError
from taxonomy.graph import Taxonomy


class Format(Protocol):
    """A named file format. A third party offers one as an entry point of the group `cladist.formats`."""

    @property
    def name(self) -> str:
        """As `--format` names it."""

    def detect(self, text: str) -> float:
        """How well a file's text fits: 0 (or False) for not at all, up to 1 (or True); quick, and raises nothing."""

    def parse(self, text: str, source: str) -> Taxonomy:
        """Build the taxonomy; `source` names the file. Raises TaxonomyError, with the line if there is one."""

    def write(self, taxonomy: Taxonomy) -> str:
        """The taxonomy as text. Raises TaxonomyError when the format is for reading only."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A Format put together from functions; without `writer` it is for reading only, without `parser` for writing.

    detector: how well a text fits, in [0, 1]; bool does where there are no degrees.
    """

    name: str
    detector: Callable[[str], float] | None = None
    parser: Callable[[str, str], Taxonomy] | None = None
    writer: Callable[[Taxonomy], str] | None = None

    def detect(self, text: str) -> float:
        """How well a file's text fits, in [0, 1]."""
        return 0.0 if self.detector is None else float(self.detector(text))

    def parse(self, text: str, source: str) -> Taxonomy:
        """Build the taxonomy. Raises TaxonomyError."""
        if self.parser is None:
            raise TaxonomyError(f"the format {self.name} can be written, not read", source=source)
        return self.parser(text, source)

    def write(self, taxonomy: Taxonomy) -> str:
        """The taxonomy as text. Raises TaxonomyError when the format is for reading only."""
        if self.writer is None:
            raise TaxonomyError(f"the format {self.name} can be read, not written")
        return self.writer(taxonomy)
