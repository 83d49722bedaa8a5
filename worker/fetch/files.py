"""Assets in files of this machine: regular files only, beneath the roots only, whatever links say."""

import errno
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from classifier.errors import AccessDeniedError, AssetError, AssetNotFoundError
from worker.errors import RetryableError
from worker.fetch.source import Allowance

_CHUNK_BYTES = 2**20
# A FIFO must not hold us up, and a terminal not become ours.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_DENIED = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENODEV}


class FileSource:
    """The source of `file:` URIs. With roots, nothing outside them is read, by `..` and by links neither."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = roots

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The file's bytes. Raises AssetError, RetryableError."""
        try:
            descriptor = self._open(_path(uri))
            try:
                yield from _contents(descriptor, allowance)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _meaning(error) from None

    def _open(self, path: Path) -> int:
        if not self._roots:
            return os.open(path, _READ)
        try:
            resolved = path.resolve()
        except RuntimeError:
            raise AccessDeniedError("links in a circle") from None
        root = next((root for root in self._roots if resolved.is_relative_to(root)), None)
        if root is None:
            raise AccessDeniedError("lies outside the asset roots")
        return _open_beneath(root, resolved)


def _path(uri: str) -> Path:
    path = unquote(urlsplit(uri).path)
    if "\0" in path:
        raise AssetNotFoundError("no file can have this name")
    return Path(path)


def _contents(descriptor: int, allowance: Allowance) -> Iterator[bytes]:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise AccessDeniedError("not a regular file")
    allowance.refuse_larger(status.st_size)
    while chunk := os.read(descriptor, min(_CHUNK_BYTES, status.st_size + 1)):
        yield chunk


def _open_beneath(root: Path, resolved: Path) -> int:
    """Open folder by folder without following links: one that was put there since the path was resolved is refused."""
    parts = resolved.relative_to(root).parts or (".",)
    folder = os.open(root, _READ | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            deeper = os.open(part, _READ | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = deeper
        return os.open(parts[-1], _READ | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _meaning(error: OSError) -> AssetError | RetryableError:
    if error.errno in _MISSING:
        return AssetNotFoundError("no such file")
    if error.errno in _DENIED:
        return AccessDeniedError(str(error.strerror))
    return RetryableError(str(error.strerror or error))
