"""The types of the fixtures that are functions.

Nothing of the packages is imported at run time, so that the taxonomy's tests load no torch.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from PIL import Image

    from classifier.bundles.bundle import Bundle
    from classifier.data.manifest import Manifest
    from taxonomy import Taxonomy


class Read(Protocol):
    """Write a taxonomy file and read it."""

    def __call__(self, content: str | bytes, format_name: str | None = None) -> Taxonomy: ...


class Refusal(Protocol):
    """The message with which a taxonomy file is refused, without the file's name."""

    def __call__(self, content: str | bytes, format_name: str | None = None) -> str: ...


class LabelsOf(Protocol):
    """The manifest of a folder's labels.csv, and the taxonomy of its paths."""

    def __call__(self, folder: Path) -> tuple[Manifest, Taxonomy]: ...


class Encoded(Protocol):
    """The bytes of an image file; options are those of `Image.save`."""

    def __call__(self, image: Image.Image, image_format: str, **options: Any) -> bytes: ...


class FullDisk(Protocol):
    """Within it no file can grow beyond so many bytes, and writing fails as on a full disk."""

    def __call__(self, size_bytes: int) -> AbstractContextManager[None]: ...


class MakeImages(Protocol):
    """Write so many images of noise and return their URIs."""

    def __call__(self, count: int) -> list[str]: ...


class MakeBundle(Protocol):
    """Write an untrained but whole bundle, by default of the tiny taxonomy."""

    def __call__(self, folder: Path, taxonomy: Taxonomy = ..., seed: int = 0) -> Bundle: ...


class Submitted(Protocol):
    """Submit URIs and return the job ids, in their order."""

    def __call__(self, uris: list[str]) -> list[int]: ...
