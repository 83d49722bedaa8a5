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

    def detect(self, text: str) -> bool:
        """Whether a file's text looks like this format; quick, and raises nothing."""

    def parse(self, text: str, source: str) -> Taxonomy:
        """Build the taxonomy; `source` names the file. Raises TaxonomyError, with the line if there is one."""

    def write(self, taxonomy: Taxonomy) -> str:
        """The taxonomy as text. Raises TaxonomyError when the format is for reading only."""


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A Format put together from functions; without `writer` it is for reading only, without `parser` for writing."""

    name: str
    detector: Callable[[str], bool] | None = None
    parser: Callable[[str, str], Taxonomy] | None = None
    writer: Callable[[Taxonomy], str] | None = None

    def detect(self, text: str) -> bool:
        """Whether a file's text looks like this format."""
        return self.detector is not None and self.detector(text)

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
