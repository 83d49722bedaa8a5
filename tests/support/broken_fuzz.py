"""benchmarks/fuzz.py with a decoder that fails on some files: `raises` or `dies`, then the benchmark's own options.

The folder of the benchmark must be on the path.
"""

import os
import signal
import sys

import fuzz
from PIL import Image

from classifier.images.decode import decode

_BROKEN_BELOW = b"8"  # of the byte at 20, which is the low one of a BMP's width


def raises(content: bytes, source: str, size_px: int) -> Image.Image:
    """A decoder with a bug."""
    if content[20:21] < _BROKEN_BELOW:
        raise ZeroDivisionError("by zero")
    return decode(content, source, size_px)


def dies(content: bytes, source: str, size_px: int) -> Image.Image:
    """A decoder that takes its process with it."""
    if content[20:21] < _BROKEN_BELOW:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(content, source, size_px)


if __name__ == "__main__":
    fuzz.main({"raises": raises, "dies": dies}[sys.argv.pop(1)])
