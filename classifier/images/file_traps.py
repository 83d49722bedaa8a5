"""Walk the container of an image file before a decoder does, and refuse files built to exhaust memory or time.

The limits are far beyond what cameras, editors and scanners write. Measured with Pillow 13 on files of at most 64 MiB
that they refuse: 40 s for a JPEG of 950 EXIF segments, 98 s for one of padding, hours for one of many scans, 17 s and
1.5 GB for a GIF of empty comments. What makes a PNG slow is left out before a decoder sees it, see `png_chunks`.
"""

import math
import struct
from collections.abc import Iterator

from classifier.errors import ImageTooLargeError, UnreadableImageError
from classifier.images.frames import tiff_directories

_MAX_PARTS = 65_536  # segments
_MAX_PADDING_BYTES = 65_536
_MAX_EXIF_BYTES = 2**20
_MAX_SCANS = 1000
_MAX_SCANNED_PIXELS = 2_000_000_000  # scans times pixels; cameras and editors write up to 10 scans
_MAX_RUN_LENGTH_PIXELS = 4_000_000  # Pillow reads run-length BMP by a loop in Python
_MAX_TAG_VALUES = 2**20
_MAX_GIF_BLOCKS = 300_000

_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})  # markers without a segment
_JPEG_SCAN = 0xDA
_JPEG_EXIF = 0xE1
_BMP_RUN_LENGTH = (1, 2)
_BMP_HEADER = struct.Struct("<18xii4xI")  # width, height, compression, from the start of the file
_TIFF_BYTES = (1, 2, 7)  # types whose values stay bytes


def refuse_traps(content: bytes) -> None:
    """Raise UnreadableImageError or ImageTooLargeError if decoding would cost far more than the file size explains.

    Everything else passes, damaged and unknown files too: they are the decoder's to refuse.
    """
    if content.startswith(b"\xff\xd8"):
        _check_jpeg(content)
    elif content.startswith(b"GIF8"):
        _count(_gif_blocks(content), _MAX_GIF_BLOCKS, "blocks before its picture")
    elif content.startswith(b"BM"):
        _check_bmp(content)
    elif content.startswith((b"II", b"MM")):
        _check_tiff(content)


def _count(parts: Iterator[int], most: int, what: str) -> None:
    for number, _ in enumerate(parts):
        if number >= most:
            raise UnreadableImageError(f"more than {most} {what}")


def _check_jpeg(content: bytes) -> None:
    """The segments before the first scan, and how often the scans pass over all pixels."""
    exif_bytes = pixels = 0
    for marker, start, length in _jpeg_segments(content):
        if marker in _JPEG_FRAMES:
            pixels = math.prod(struct.unpack(">HH", content[start + 1 : start + 5].ljust(4, b"\0")))
        elif marker == _JPEG_EXIF and content.startswith(b"Exif", start):
            exif_bytes += length
    if exif_bytes > _MAX_EXIF_BYTES:
        raise UnreadableImageError(f"more than {_MAX_EXIF_BYTES} bytes of EXIF")
    scans = content.count(b"\xff\xda")  # within a scan 0xff is followed by 0, or by what is no start of a scan
    if scans > _MAX_SCANS or scans * pixels > _MAX_SCANNED_PIXELS:
        raise UnreadableImageError(f"{scans} scans of {pixels} pixels")


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, length) of each segment before the first scan."""
    at, padding_bytes = 2, 0
    for _ in range(_MAX_PARTS):
        found = content.find(b"\xff", at)
        after = found = len(content) if found < 0 else found
        while content[after : after + 1] == b"\xff" and after - found <= _MAX_PADDING_BYTES + 1:
            after += 1
        padding_bytes += after - at - 1
        if padding_bytes > _MAX_PADDING_BYTES:
            raise UnreadableImageError(f"more than {_MAX_PADDING_BYTES} bytes of padding")
        if after + 3 > len(content) or content[after] == _JPEG_SCAN:
            return
        at = after + 1
        if content[after] not in _JPEG_ALONE:
            (length,) = struct.unpack_from(">H", content, at)
            yield content[after], at + 2, length - 2
            at += max(2, length)
    raise UnreadableImageError(f"more than {_MAX_PARTS} segments")


def _gif_blocks(content: bytes) -> Iterator[int]:
    """Every sub-block and every stray byte before the first picture."""
    flags = content[10] if content[10:] else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while at < len(content) and content[at : at + 1] not in (b",", b";"):
        yield at
        if content[at : at + 1] == b"!":
            at += 2
            while at < len(content) and content[at]:
                yield at
                at += 1 + content[at]
        at += 1


def _check_bmp(content: bytes) -> None:
    width, height, compression = _BMP_HEADER.unpack(content[: _BMP_HEADER.size].ljust(_BMP_HEADER.size))
    if compression in _BMP_RUN_LENGTH and abs(width * height) > _MAX_RUN_LENGTH_PIXELS:
        raise ImageTooLargeError(f"a run-length BMP of more than {_MAX_RUN_LENGTH_PIXELS} pixels")


def _check_tiff(content: bytes) -> None:
    """No tag of a directory that may be looked at may hold more numbers than the strips of any image we take."""
    for directory in tiff_directories(content):
        for tag, kind, values in directory:
            if values > _MAX_TAG_VALUES and kind not in _TIFF_BYTES:
                raise UnreadableImageError(f"TIFF tag {tag} claims {values} values")
