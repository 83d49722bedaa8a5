"""How many pictures a file holds, told by its container."""

import struct
from collections.abc import Iterator

from PIL.ImageFile import ImageFile

from classifier.images.limits import MAX_FRAMES

_MOST_GIF_BLOCKS = 2**20
_MOST_GIF_EXTENSIONS = 65_536
_TIFF_BIG = 43


def frame_count(image: ImageFile, content: bytes, image_format: str) -> int:
    """1 for a single picture, at most MAX_FRAMES; no pixel is decoded to know it."""
    if image_format == "GIF":
        return min(MAX_FRAMES, sum(1 for _ in _gif_pictures(content)))
    if image_format == "TIFF":
        return sum(1 for _ in tiff_directories(content))
    return max(1, min(MAX_FRAMES, int(getattr(image, "n_frames", 1))))


def tiff_directories(content: bytes) -> Iterator[list[tuple[int, int, int]]]:
    """(tag, type, count of values) of each entry of the first MAX_FRAMES directories; stops at what makes no sense."""
    order = "<" if content.startswith(b"II") else ">"
    try:
        big = struct.unpack_from(f"{order}H", content, 2) == (_TIFF_BIG,)
        offset, count, entry = ("Q", "Q", "HHQ8x") if big else ("I", "H", "HHI4x")
        at = struct.unpack_from(order + offset, content, 8 if big else 4)[0]
        for _ in range(MAX_FRAMES):
            (entries,) = struct.unpack_from(order + count, content, at)
            start, size = at + struct.calcsize(order + count), struct.calcsize(order + entry)
            entries = min(entries, (len(content) - start) // size)
            yield list(struct.iter_unpack(order + entry, content[start : start + entries * size]))
            (at,) = struct.unpack_from(order + offset, content, start + entries * size)
            if at == 0:
                return
    except (struct.error, OverflowError, ValueError):
        return


def _gif_pictures(content: bytes) -> Iterator[int]:
    """Where each picture begins; gives up where Pillow would be slow."""
    at = _after_palette(13, content[10] if content[10:] else 0)
    blocks = extensions = 0
    while at < len(content):
        kind = content[at : at + 1]
        if kind == b",":
            yield at
            at = _after_palette(at + 10, content[at + 9] if content[at + 9 :] else 0) + 1  # and the size of codes
        elif kind == b"!":
            at += 2
        else:
            return
        while at < len(content) and content[at]:
            at += 1 + content[at]
            blocks, extensions = blocks + 1, extensions + (kind == b"!")
            if blocks > _MOST_GIF_BLOCKS or extensions > _MOST_GIF_EXTENSIONS:
                return
        at += 1


def _after_palette(at: int, flags: int) -> int:
    return at + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
