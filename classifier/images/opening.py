"""Which of the allowed formats a file is in, and Pillow's reader of it. No other reader is ever asked."""

import importlib
import struct
from collections.abc import Callable, Mapping
from io import BytesIO

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from classifier.errors import UnreadableImageError, UnsupportedFormatError

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

# What Pillow's decoders and its reader of EXIF raise on damaged files.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, RuntimeError, struct.error)

_PREFIXES = (
    ("JPEG", (b"\xff\xd8",)),
    ("PNG", (b"\x89PNG",)),
    ("GIF", (b"GIF8",)),
    ("BMP", (b"BM",)),
    ("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
_MOST_BRANDS = 64


def format_of(content: bytes) -> str:
    """One of ALLOWED_FORMATS, by the first bytes. Raises UnreadableImageError, UnsupportedFormatError."""
    if not content:
        raise UnreadableImageError("the file is empty")
    for name, prefixes in _PREFIXES:
        if content.startswith(prefixes):
            return name
    if (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
        return "WEBP"
    brands = _brands(content)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    raise UnsupportedFormatError(f"not an image in an allowed format ({', '.join(ALLOWED_FORMATS)})")


def open_image(content: bytes, image_format: str) -> ImageFile:
    """The image with its header read and no pixel decoded. Raises UnreadableImageError, UnsupportedFormatError."""
    reader = _heif_reader() if image_format == "HEIF" else _READERS[image_format]
    try:
        return reader(BytesIO(content))
    except DAMAGE:
        raise UnreadableImageError("the image data are damaged") from None


def _brands(content: bytes) -> frozenset[bytes]:
    """What an ISO media file calls itself: the major brand and the compatible ones."""
    if content[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(content[:4], "big"), 16 + 4 * _MOST_BRANDS)
    return frozenset({content[8:12], *(content[at : at + 4] for at in range(16, end, 4))})


def _heif_reader() -> Callable[[BytesIO], ImageFile]:
    try:
        reader: Callable[[BytesIO], ImageFile] = importlib.import_module("pillow_heif.as_plugin").HeifImageFile
    except ImportError:
        raise UnsupportedFormatError("HEIC needs one more package: pip install cladist[heif]") from None
    return reader


# Called directly, because Image.open has a pixel cap of its own, which counts more than is decoded.
_READERS: Mapping[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
    "AVIF": AvifImageFile,
}
