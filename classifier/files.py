"""Files and folders that are written whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in one step: whoever reads it meanwhile finds the old content or the new. Raises OSError."""
    with replaced_file(path) as stream:
        stream.write(content)


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it takes the place of the old one when the block ends, and is removed when the block raises.

    What is there and no file, such as /dev/null or a pipe, stays what it is, and is written to.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    partial = _partial(path)
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill; it gets its name when the block ends, and is removed when the block raises. Raises OSError."""
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")
