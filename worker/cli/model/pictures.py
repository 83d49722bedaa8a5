"""The image files that a command line names, and what a model says of them, batch by batch."""

import glob
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

import classifier
from classifier.errors import AssetError
from classifier.inference.prediction import AssetPrediction

if TYPE_CHECKING:  # loads torch, which `predict --help` does without
    from classifier.inference.predictor import PreparedPicture

BATCH_SIZE = 32

_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif",
     ".avifs", ".heic", ".heif", ".hif"}
)  # fmt: skip


def image_files(names: Sequence[str]) -> list[Path]:
    """The files named: those of a folder and of the folders in it by their suffix, those of a pattern, and plain files.

    Raises click.UsageError on a folder or a pattern of none.
    """
    return list(dict.fromkeys(path for name in names for path in _named(name)))


def _named(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        found = _inside(path)
    elif glob.has_magic(name) and not os.path.lexists(path):
        matches = sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207 (an absolute pattern is one too)
        found = [file for match in matches for file in (_inside(match) if match.is_dir() else [match])]
    else:
        return [path]
    if not found:
        raise click.UsageError(f"{name}: no image files")
    return found


def _inside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())


def predicted(
    predictor: "classifier.Predictor", files: Sequence[Path]
) -> Iterator[tuple[int, list[AssetPrediction | AssetError]]]:
    """For each batch how many files are done, and in their order what was found, or why a file cannot be classified."""
    left, done = iter(files), 0
    while batch := list(islice(left, BATCH_SIZE)):
        done += len(batch)
        yield done, _batch(predictor, batch)


def _batch(predictor: "classifier.Predictor", files: Sequence[Path]) -> list[AssetPrediction | AssetError]:
    read = [_read(predictor, path) for path in files]
    good = {shown_name(path): one for path, one in zip(files, read, strict=True) if not isinstance(one, AssetError)}
    predictions = iter(predictor.predict_pictures(good))
    return [one if isinstance(one, AssetError) else next(predictions) for one in read]


def _read(predictor: "classifier.Predictor", path: Path) -> "PreparedPicture | AssetError":
    name = shown_name(path)
    try:
        return predictor.picture(classifier.read_image_file(path), name)
    except AssetError as error:
        return type(error)(error.message, source=name)


def shown_name(path: Path) -> str:
    r"""The name of a file as text: bytes of it that are not UTF-8 become \x.. ."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
