"""Decode hostile bytes into pixels: allow-listed formats, a pixel cap before decoding, one error per cause."""

import math
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from classifier.errors import (
    AccessDeniedError,
    AssetError,
    AssetNotFoundError,
    ImageTooLargeError,
    UnreadableImageError,
)
from classifier.images.colour import conversion
from classifier.images.file_traps import refuse_traps
from classifier.images.frames import frame_count
from classifier.images.limits import (
    DEFAULT_LIMITS,
    LARGE_PIXELS,
    MAX_SIDE_PX,
    DecodeLimits,
    Marks,
)
from classifier.images.opening import DAMAGE, format_of, open_image
from classifier.images.png_chunks import cleaned_png
from classifier.images.samples import WHITE, bands, is_deep, read_samples
from classifier.images.truncation import load
from taxonomy.errors import first_line

MAX_FILE_BYTES = 64 * 2**20

_FLAT = 2  # of 255: a picture in which no channel varies by more is of a single colour
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
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image, upright and in RGB, with what is to be known of it."""

    image: Image.Image
    marks: Marks


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
    """The image of `decode_picture`, within the limits that hold by default."""
    return decode_picture(content, source, short_side_px).image


def decode_picture(
    content: bytes, source: str, short_side_px: int | None = None, limits: DecodeLimits = DEFAULT_LIMITS
) -> Picture:
    """Decode to upright RGB, in the colours of sRGB; transparent pixels become white.

    With `short_side_px` the result is scaled down until its shorter side has that length; it is never scaled up.
    Of a file of several pictures the first is taken, or the first that is not of a single colour.
    Of images larger than LARGE_PIXELS one is decoded at a time, so that memory is bounded however many threads decode.
    Raises UnsupportedFormatError, ImageTooLargeError or UnreadableImageError, naming `source`.
    """
    try:
        return _Decoding(content, short_side_px, limits).picture()
    except Image.DecompressionBombError:
        raise ImageTooLargeError(f"more than {limits.max_pixels} pixels", source=source) from None
    except AssetError as error:
        raise type(error)(error.message, source=source) from None
    except MemoryError:
        raise ImageTooLargeError("more memory is needed than there is", source=source) from None
    except DAMAGE as error:
        raise UnreadableImageError(first_line(error), source=source) from None


class _Decoding:
    """One file on its way to pixels."""

    def __init__(self, content: bytes, short_side_px: int | None, limits: DecodeLimits) -> None:
        self._format = format_of(content)
        refuse_traps(content)
        self._content = cleaned_png(content) if self._format == "PNG" else content
        self._short_side_px = short_side_px
        self._limits = limits

    def picture(self) -> Picture:
        """The picture that stands for the file."""
        image = self._open(self._content)
        held = self._held(image)
        self._refuse_large(image, held)
        with _one_at_a_time if held > LARGE_PIXELS else nullcontext():
            frames = frame_count(image, self._content, self._format)
            number = image.tell() + 1
            image, is_partial = load(image, self._content, self._open, partial=self._limits.partial)
            first = self._upright_rgb(image)
            if is_partial and _is_flat(first):
                raise UnreadableImageError("the file is truncated before its picture begins")
            if frames > 1 and held <= LARGE_PIXELS and _is_flat(first):
                return self._next_picture(image, frames) or Picture(first, Marks(is_partial, number))
            return Picture(first, Marks(is_partial, number if frames > 1 else None))

    def _open(self, content: bytes) -> ImageFile:
        image = open_image(content, self._format)
        if self._format == "JPEG" and self._short_side_px is not None:
            image.draft("RGB", (self._short_side_px, self._short_side_px))  # decode at a fraction of the size
        return image

    def _held(self, image: ImageFile) -> int:
        """The pixels that decoding holds at once; a progressive JPEG holds all there are at any size."""
        if "progressive" in image.info and self._format == "JPEG":
            return math.prod(open_image(self._content, self._format).size)
        return math.prod(image.size)

    def _refuse_large(self, image: Image.Image, held: int) -> None:
        width, height = image.size
        if held > self._limits.max_pixels:
            raise ImageTooLargeError(f"{width} x {height} px, more than {self._limits.max_pixels} pixels")
        if max(width, height) > MAX_SIDE_PX:
            raise ImageTooLargeError(f"{width} x {height} px, a side of more than {MAX_SIDE_PX}")
        if isinstance(image, TiffImageFile):
            tile = math.prod(image.tag_v2.get(tag) or 1 for tag in _TILE_SIDES)
            if tile > LARGE_PIXELS:
                raise ImageTooLargeError(f"a tile of {tile} pixels, more than {LARGE_PIXELS}")

    def _next_picture(self, image: ImageFile, frames: int) -> Picture | None:
        """The first of the pictures behind this one that is not of a single colour."""
        for number in range(image.tell() + 1, frames):
            try:
                image.seek(number)
                self._refuse_large(image, math.prod(image.size))
                if math.prod(image.size) > LARGE_PIXELS:
                    return None
                image.load()
                found = self._upright_rgb(image)
            except (*DAMAGE, AssetError, Image.DecompressionBombError):
                return None
            if not _is_flat(found):
                return Picture(found, Marks(frame=number + 1))
        return None

    def _upright_rgb(self, image: ImageFile) -> Image.Image:
        turn = _TURNS.get(_orientation(image))
        mode, convert = conversion(image)
        whole = image if image.mode == mode in {"CMYK", "LAB"} else _in_bands(image)
        small = whole if self._short_side_px is None else _shrink(whole, self._short_side_px)
        rgb = small if convert is None else convert(small)
        return rgb if turn is None else rgb.transpose(turn)


def _is_flat(image: Image.Image) -> bool:
    bands = [image.getchannel(band).getextrema() for band in image.getbands()]
    return all(most - least <= _FLAT for least, most in cast("list[tuple[float, float]]", bands))


def _orientation(image: Image.Image) -> object:
    """The orientation by EXIF; unreadable metadata is ignored."""
    try:
        return image.getexif().get(_ORIENTATION)
    except DAMAGE:
        return None


def _in_bands(image: Image.Image) -> Image.Image:
    """The image in RGB, converted band by band, so that no step holds a copy of all of it."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    convert = read_samples(image).rgb if is_deep(image) else _to_rgb
    rgb = Image.new("RGB", image.size)
    for top, band in bands(image):
        rgb.paste(convert(band), (0, top))
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (WHITE,) * 4)
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _shrink(image: Image.Image, short_side_px: int) -> Image.Image:
    scale = short_side_px / min(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)
