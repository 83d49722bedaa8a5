"""Assets in files of this machine: regular files only, beneath the roots only, whatever links say."""

import errno
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from classifier.errors import AccessDeniedError, AssetError, AssetNotFoundError
from taxonomy.errors import first_line
from worker.errors import RetryableError
from worker.network.allowance import Allowance

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
            return _open_beneath(self._roots, path)
        except OSError:
            if not _is_beneath(self._roots, Path(os.path.realpath(path))):
                raise _outside() from None  # whether or not there is such a file
            raise


def _path(uri: str) -> Path:
    """The path whose bytes the URI spells, in UTF-8 or not."""
    path = unquote_to_bytes(os.fsencode(urlsplit(uri).path))
    if b"\0" in path:
        raise AssetNotFoundError("no file can have this name")
    return Path(os.fsdecode(path))


def _contents(descriptor: int, allowance: Allowance) -> Iterator[bytes]:
    status = os.fstat(descriptor)
    _require_regular(status)
    allowance.refuse_larger(status.st_size)
    while chunk := os.read(descriptor, min(_CHUNK_BYTES, status.st_size + 1)):
        yield chunk


def _open_beneath(roots: Sequence[Path], path: Path) -> int:
    """Open a file by its handle, whose place the kernel tells: no link can be swapped between check and opening."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not _is_beneath(roots, _place(handle)):
            raise _outside()
        _require_regular(os.fstat(handle))
        return os.open(f"/proc/self/fd/{handle}", _READ)
    finally:
        os.close(handle)


def _place(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink()


def _is_beneath(roots: Sequence[Path], path: Path) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _outside() -> AccessDeniedError:
    return AccessDeniedError("lies outside the asset roots")


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise AccessDeniedError("not a regular file")


def _meaning(error: OSError) -> AssetError | RetryableError:
    if error.errno in _MISSING:
        return AssetNotFoundError("no such file")
    if error.errno in _DENIED:
        return AccessDeniedError(first_line(error))
    return RetryableError(first_line(error))
