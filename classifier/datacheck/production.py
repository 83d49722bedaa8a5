"""A sample of production images: a folder, or a CSV that names them."""

import csv
import os
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar

from classifier.errors import DataCheckError
from taxonomy import TaxonomyError
from taxonomy.formats.reading import read_text

MAX_SAMPLE = 5000  # images looked at, evenly spread over the sample: more tell no more
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

_T = TypeVar("_T")


def production_images(source: Path) -> list[Path]:
    """At most MAX_SAMPLE images: of a folder the files with an image's suffix, of a CSV its column `image`.

    Images of a CSV are relative to its folder. Raises DataCheckError when there is none.
    """
    found = sorted(_files(source)) if source.is_dir() else list(_rows(source))
    if not found:
        raise DataCheckError("holds no image", source=source)
    return evenly(found, MAX_SAMPLE)


def evenly(items: Sequence[_T], limit: int) -> list[_T]:
    """At most `limit` of the items, evenly spaced."""
    if len(items) <= limit:
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names if Path(name).suffix.lower() in _SUFFIXES)


def _rows(source: Path) -> Iterator[Path]:
    try:
        reader = csv.DictReader(StringIO(read_text(source), newline=""), strict=True)
        if "image" not in (reader.fieldnames or ()):
            raise DataCheckError("expected a header with 'image'", source=source, line=1)
        for row in reader:
            yield source.parent / (row["image"] or "").strip()
    except TaxonomyError as error:
        raise DataCheckError.of(error) from None
    except csv.Error as error:
        raise DataCheckError(str(error), source=source) from None
