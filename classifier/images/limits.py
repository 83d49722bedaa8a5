"""What decoding may take, and the words for what it found."""

from dataclasses import dataclass

MAX_PIXELS = 64_000_000
LARGE_PIXELS = 2**24  # above it one image at a time
MAX_SIDE_PX = 2**20  # each row costs memory of its own, however short it is
MAX_FRAMES = 8  # looked at, until one is not of a single colour


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What is accepted.

    max_pixels: of what is decoded; a JPEG that is scaled down while decoding counts at its reduced size.
    partial: whether a truncated picture is taken as far as it goes.
    """

    max_pixels: int = MAX_PIXELS
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What should be known of a picture beside its pixels.

    partial: the file was truncated. frame: of a file of several pictures the one taken, counted from 1; else None.
    """

    partial: bool = False
    frame: int | None = None


WHOLE = Marks()
DEFAULT_LIMITS = DecodeLimits()
