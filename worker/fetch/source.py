"""What a source of assets must offer, and how much each fetch may take."""

import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

from classifier.errors import FetchTimeoutError, ImageTooLargeError


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one fetch may take: bytes, and seconds from the moment it is made."""

    max_bytes: int
    total_s: float
    _started_s: float = field(default_factory=time.monotonic)

    def left_s(self) -> float:
        """Seconds left, more than 0. Raises FetchTimeoutError when they are used up."""
        left_s = self._started_s + self.total_s - time.monotonic()
        if left_s <= 0:
            raise FetchTimeoutError(f"not fetched within {self.total_s:g} s")
        return left_s

    def refuse_larger(self, size_bytes: int) -> None:
        """Raise ImageTooLargeError when an asset of that many bytes is not allowed."""
        if size_bytes > self.max_bytes:
            raise ImageTooLargeError(f"more than {self.max_bytes} bytes")


class AssetSource(Protocol):
    """Where the assets of a URI scheme come from; called from several threads at once.

    A third party offers one as an entry point of the group `cladist.asset_sources`: its name is the scheme, and it
    names something that makes the source when called without arguments.
    """

    def chunks(self, uri: str, allowance: Allowance) -> Generator[bytes]:
        """The asset's bytes, piece by piece; between pieces the caller counts bytes and time, and may stop.

        Raises AssetError when the asset can never be had, RetryableError when it cannot be had now. Messages say what
        is wrong; the caller puts the URI, redacted, in front.
        """
