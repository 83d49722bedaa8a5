"""How much one fetch may take."""

import time
from dataclasses import dataclass, field

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
