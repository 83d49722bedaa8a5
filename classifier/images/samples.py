"""Grey of more than 8 bits, and of numbers, as 8 bits: by the depth or the range that the file declares."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from classifier.errors import UnreadableImageError

WHITE = 255
BAND_PIXELS = 2**20

_BITS, _PHOTOMETRIC, _MAX_VALUE, _SAMPLE_FORMAT, _S_MIN, _S_MAX = 258, 262, 281, 339, 340, 341
_WHITE_IS_ZERO = 0
_UNSIGNED = 1
_DARKEST_LEVELS = 16  # of 256: what 12-bit values look like in 16 bits whose real depth nobody declared

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Samples:
    """How the numbers of one image become grey: (number - low) * scale + half, cut to whole numbers of 0 to 255."""

    low: float
    scale: float
    half: float
    unsigned: bool
    inverted: bool

    def rgb(self, band: Image.Image) -> Image.Image:
        """A part of the image in RGB; where it has the transparent value it is white."""
        values = _numbers(band, unsigned=self.unsigned)
        scaled = (np.nan_to_num(values, nan=self.low) - self.low) * self.scale + self.half
        grey = np.clip(scaled, 0, WHITE).astype(np.uint8)
        if self.inverted:
            grey = WHITE - grey
        transparent = band.info.get("transparency")
        if isinstance(transparent, int):
            grey[values == transparent] = WHITE
        return Image.fromarray(grey).convert("RGB")


def is_deep(image: Image.Image) -> bool:
    """Whether the pixels are numbers beyond 8 bits, which Pillow would clip."""
    return image.mode.startswith("I") or image.mode == "F"


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """The image from top to bottom in pieces of about BAND_PIXELS, each with the row where it begins."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def read_samples(image: Image.Image) -> Samples:
    """How a deep image is to be scaled. Raises UnreadableImageError where neither depth nor range tell."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    is_float = image.mode == "F"
    unsigned = _number(tags, _SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED and not is_float
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    low, high = _number(tags, _S_MIN, 0), _number(tags, _S_MAX, 0)
    if high > low:
        return Samples(low, WHITE / (high - low), 0.5, unsigned, inverted)
    least, most = _extrema(image, unsigned=unsigned)
    if is_float:
        full, scale, half = 1.0, float(WHITE), 0.5
    else:
        full = _full(tags, most, unsigned=unsigned)
        scale, half = 256 / (full + 1), 0.0  # of 16 bits the high byte
    too_dark = not is_float and least != most and most < full * _DARKEST_LEVELS / 256
    if least < 0 or most > full or too_dark:
        raise UnreadableImageError(f"values from {least:g} to {most:g}, and no range that tells black and white")
    return Samples(0, scale, half, unsigned, inverted)


def _full(tags: Any, most: float, *, unsigned: bool) -> float:
    """White by the depth; where the picture would be dark throughout, by its largest value if that is declared."""
    bits = int(_number(tags, _BITS, 16))
    full = float(2 ** (bits if unsigned else bits - 1) - 1)
    return _number(tags, _MAX_VALUE, full) if most < full * _DARKEST_LEVELS / 256 else full


def _number(tags: Any, tag: int, default: float) -> float:
    """The value of a TIFF tag, of several the first; the default where it is no finite number."""
    value = tags.get(tag, default)
    value = value[0] if isinstance(value, tuple) and value else value
    try:
        return float(value) if math.isfinite(value) else default
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return default


def _extrema(image: Image.Image, *, unsigned: bool) -> tuple[float, float]:
    """The least and the largest finite value; two zeros where there is none."""
    least, most = math.inf, -math.inf
    for _, band in bands(image):
        values = _numbers(band, unsigned=unsigned)
        finite = values[np.isfinite(values)]
        if finite.size:
            least, most = min(least, float(finite.min())), max(most, float(finite.max()))
    return (least, most) if least <= most else (0.0, 0.0)


def _numbers(band: Image.Image, *, unsigned: bool) -> Numbers:
    values = np.asarray(band)
    return values.view(np.uint32) if unsigned and values.dtype == np.int32 else values
