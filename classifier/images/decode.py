"""Decode hostile bytes into pixels: allow-listed formats, a pixel cap read from the header, one error per cause."""

import math
import struct
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from classifier.errors import (
    AccessDeniedError,
    AssetError,
    AssetNotFoundError,
    ImageTooLargeError,
    UnreadableImageError,
    UnsupportedFormatError,
)
from classifier.images.file_traps import refuse_traps
from taxonomy.errors import first_line

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


MAX_PIXELS = 64_000_000


LARGE_PIXELS = 2**24


MAX_FILE_BYTES = 64 * 2**20


_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")


WHITE = 255


_BAND_PIXELS = 2**20


_ORIENTATION = 0x0112


_TILE_SIDES = (322, 323)


_TURNS: Mapping[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# What Pillow's decoders and its reader of EXIF raise on damaged files.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, struct.error)


_one_at_a_time = threading.Lock()


def read_image_file(path: Path) -> bytes:
    """The bytes of a file of at most MAX_FILE_BYTES. Raises AssetError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise AssetNotFoundError("no such file", source=path) from None
    except (PermissionError, IsADirectoryError) as error:
        raise AccessDeniedError(first_line(error), source=path) from None
    except (OSError, ValueError) as error:
        raise UnreadableImageError(str(error), source=path) from None
    if len(content) > MAX_FILE_BYTES:
        raise ImageTooLargeError(f"more than {MAX_FILE_BYTES} bytes", source=path)
    return content


def decode(content: bytes, source: str, short_side_px: int | None = None) -> Image.Image:
    """Decode to upright RGB; transparent pixels become white.

    With `short_side_px` the result is scaled down until its shorter side has that length; it is never scaled up.
    Of images larger than LARGE_PIXELS one is decoded at a time, so that memory is bounded however many threads decode.
    Raises UnsupportedFormatError, ImageTooLargeError or UnreadableImageError, naming `source`.
    """
    try:
        refuse_traps(content)
        image = Image.open(BytesIO(content), formats=ALLOWED_FORMATS)
        _refuse_large(image)
        whole = image.size
        if short_side_px is not None:
            image.draft("RGB", (short_side_px, short_side_px))  # JPEG only: decode at a fraction of the size
        held = whole if "progressive" in image.info else image.size  # progressive JPEG holds all there is at any size
        with _one_at_a_time if math.prod(held) > LARGE_PIXELS else nullcontext():
            return _upright_rgb(image, short_side_px)
    except UnidentifiedImageError:
        raise _unidentified(content, source) from None
    except Image.DecompressionBombError:
        raise ImageTooLargeError(f"more than {MAX_PIXELS} pixels", source=source) from None
    except AssetError as error:
        raise type(error)(error.message, source=source) from None
    except MemoryError:
        raise ImageTooLargeError("more memory is needed than there is", source=source) from None
    except _DAMAGE as error:
        raise UnreadableImageError(first_line(error), source=source) from None


def _refuse_large(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(f"{width} x {height} px, more than {MAX_PIXELS} pixels")
    if isinstance(image, TiffImageFile):
        tile = math.prod(image.tag_v2.get(tag) or 1 for tag in _TILE_SIDES)
        if tile > LARGE_PIXELS:
            raise ImageTooLargeError(f"a tile of {tile} pixels, more than {LARGE_PIXELS}")


def _unidentified(content: bytes, source: str) -> UnreadableImageError | UnsupportedFormatError:
    if not content:
        return UnreadableImageError("the file is empty", source=source)
    if content.startswith(_MAGIC) or (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
        return UnreadableImageError("the image data are damaged", source=source)
    return UnsupportedFormatError(f"not an image in an allowed format ({', '.join(ALLOWED_FORMATS)})", source=source)


def _upright_rgb(image: Image.Image, short_side_px: int | None) -> Image.Image:
    image.load()
    turn = _TURNS.get(_orientation(image))
    rgb = _in_bands(image)
    small = rgb if short_side_px is None else _shrink(rgb, short_side_px)
    return small if turn is None else small.transpose(turn)


def _orientation(image: Image.Image) -> object:
    """The orientation by EXIF; unreadable metadata is ignored."""
    try:
        return image.getexif().get(_ORIENTATION)
    except _DAMAGE:
        return None


def _in_bands(image: Image.Image) -> Image.Image:
    """The image in RGB, converted band by band, so that no step holds a copy of all of it."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    if rows >= height:
        return _to_rgb(image)
    rgb = Image.new("RGB", image.size)
    for top in range(0, height, rows):
        rgb.paste(_to_rgb(image.crop((0, top, width, min(top + rows, height)))), (0, top))
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (WHITE,) * 4)
        return Image.alpha_composite(ground, layer).convert("RGB")
    if image.mode.startswith("I;16"):  # 16-bit grey: keep the high byte, where convert() would clip
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _shrink(image: Image.Image, short_side_px: int) -> Image.Image:
    scale = short_side_px / min(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)
