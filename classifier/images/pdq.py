"""The perceptual hash PDQ: nearly the same pictures have nearly the same 256 bits."""

from dataclasses import dataclass

import numpy as np
import pdqhash
from PIL import Image

_SIDE_PX = 128  # the hash itself looks at 64 x 64: more would only cost time
_SMOOTH = Image.Resampling.BILINEAR  # a box leaves steps: copies of small pictures were 20 bits apart, by this 4


@dataclass(frozen=True, slots=True)
class Pdq:
    """The hash of a picture. bits: 64 hexadecimal digits; pictures are alike where at most 31 of the 256 bits differ.

    quality: 0 to 100; below 50 the picture has too little in it to be told from others.
    """

    bits: str
    quality: int


def pdq_of(image: Image.Image) -> Pdq:
    """The hash of an upright RGB picture, whose longer side is scaled to 128 px first, up or down.

    Source: Davis and Rosen, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019.
    """
    scale = _SIDE_PX / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image if size == image.size else image.resize(size, _SMOOTH, reducing_gap=2.0)
    bits, quality = pdqhash.compute(np.array(small))
    return Pdq(np.packbits(bits.astype(np.uint8)).tobytes().hex(), int(quality))
