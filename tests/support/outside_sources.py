"""Asset sources of somebody else, of every quality."""

from collections.abc import Generator, Iterator

from classifier.errors import AssetNotFoundError
from worker.errors import RetryableError
from worker.network.allowance import Allowance


class Moody:
    """A source that answers as the asset's name asks it to."""

    def chunks(self, uri: str, _allowance: Allowance) -> Iterator[bytes]:
        name = uri.partition("://")[2]
        if name == "bug":
            raise ZeroDivisionError("by zero at https://x/?sig=secret")
        if name == "gone":
            raise AssetNotFoundError("no such asset")
        if name == "busy":
            raise RetryableError("later")
        return iter([b"x"] * (3 if name == "small" else 1000))


class Broken:
    """A source that cannot be made."""

    def __init__(self) -> None:
        raise OSError("no configuration")


class Slow:
    """A source that goes on for ever."""

    def chunks(self, _uri: str, _allowance: Allowance) -> Generator[bytes]:
        while True:
            yield b""
