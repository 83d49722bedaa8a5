"""A file of events, one JSON object a line."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from worker.errors import SinkError
from worker.sinks.protocol import Delivery

_MODE = 0o640  # addresses of assets may be signed
_BLOCK_BYTES = 65_536
_BEGIN = b'{"id":'


class JsonLines:
    """Appends to a file, which is opened anew each time, so that whoever rotates it may rename, truncate or remove it.

    What was delivered is on the disk. A line that a crash has left half-written goes, as its event comes again.
    """

    def __init__(self, target: str) -> None:
        """A target that cannot be such a file raises SinkError."""
        if not target:
            raise SinkError("no file is named: jsonl:/var/log/cladist/events.jsonl")
        self._path = Path(target).resolve()
        self.name = f"jsonl:{self._path}"
        if not self._path.parent.is_dir():
            raise SinkError(f"there is no folder {self._path.parent}")
        if self._path.exists() and not self._path.is_file():
            raise SinkError(f"{self._path} is no file")

    def deliver(self, events: Sequence[Delivery]) -> None:
        """Append and fsync. Raises OSError, and takes back what it could write of them."""
        text = "".join(json.dumps(event.payload, separators=(",", ":"), default=str) + "\n" for event in events)
        opened = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, _MODE)
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise OSError(f"{self._path} is no file")
            end = _mend(opened)
            try:
                _write(opened, text.encode())
            except OSError:
                os.ftruncate(opened, end)
                raise
            os.fsync(opened)
            if end == 0:
                _sync_folder(self._path.parent)
        finally:
            os.close(opened)


def _mend(opened: int) -> int:
    """Where the last whole line ends; what follows it is cut off if it is ours, and becomes a line if it is not."""
    size = os.fstat(opened).st_size
    end = _end_of_lines(opened, size)
    if end == size:
        return end
    torn = os.pread(opened, len(_BEGIN), end)
    if torn == _BEGIN[: len(torn)]:
        os.ftruncate(opened, end)
        return end
    _write(opened, b"\n")
    return size + 1


def _end_of_lines(opened: int, size: int) -> int:
    end = size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        found = os.pread(opened, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _write(opened: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(opened, rest) :]


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
