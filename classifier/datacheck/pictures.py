"""One pass over the images: which cannot be decoded, and a few statistics of those that can."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from classifier.errors import AssetError
from classifier.images.decode import decode, read_image_file
from classifier.progress import Progress, silent
from taxonomy.arrays import Bools

STATISTICS = ("size", "aspect", "brightness", "colourfulness", "sharpness")
_SHORT_SIDE_PX = 128  # enough for statistics that do not depend on the size of the image
_HASH_PX, _HASH_SIDE = 32, 8
_THREADS = 4  # decoders release the interpreter; more threads than this mostly wait for the disk
_WINDOW = 64  # images in flight for each thread, so that memory stays flat


@dataclass(frozen=True, eq=False)
class Pictures:
    """n images, row by row: statistics of those that could be decoded, an error message for each of the others.

    readable: (n,) bool.    hashes: (n,) uint64 perceptual.    digests: (n,) uint64 of the bytes of the file.
    statistics: (n, 5) float32, NaN where unreadable: longer side in px, width / height, mean luma in [0, 1],
    colourfulness of Hasler and Suesstrunk 2003, variance of the Laplacian of the luma at one common size.
    """

    readable: Bools
    hashes: NDArray[np.uint64]
    digests: NDArray[np.uint64]
    statistics: NDArray[np.float32]
    errors: dict[int, str]


def survey(images: Sequence[Path], progress: Progress = silent, stage: str = "decode") -> Pictures:
    """Decode every image once, a few at a time; an image that cannot be decoded does not stop the others."""
    count = len(images)
    found = Pictures(
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=np.uint64),
        np.zeros(count, dtype=np.uint64),
        np.full((count, len(STATISTICS)), np.nan, dtype=np.float32),
        {},
    )
    for row, facts in enumerate(_all_facts(images)):
        if isinstance(facts, str):
            found.errors[row] = facts
        else:
            found.readable[row] = True
            found.hashes[row], found.digests[row], found.statistics[row] = facts
        progress(stage, row + 1, count, f"{len(found.errors)} unreadable" if found.errors else "")
    return found


def perceptual_hash(image: Image.Image) -> int:
    """64 bits that barely change when the image is scaled, recompressed or slightly retouched.

    The signs about their median of the lowest 8 x 8 frequencies of the 32 x 32 luma, the mean left out of the median.
    Source: Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010 (DCT hash).
    """
    luma = np.asarray(image.convert("L").resize((_HASH_PX, _HASH_PX), Image.Resampling.BICUBIC), dtype=np.float64)
    low = dctn(luma, norm="ortho")[:_HASH_SIDE, :_HASH_SIDE].ravel()
    bits = np.round(low, 6) > np.median(np.round(low[1:], 6))  # rounded: the zeros of a blank image are not quite zero
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def statistics(image: Image.Image, longer_side_px: int) -> tuple[float, ...]:
    """The STATISTICS of a decoded RGB image; `longer_side_px` is that of the file, before it was scaled down."""
    pixels = np.asarray(image, dtype=np.float32)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    colourfulness = spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())
    luma = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    laplacian = luma[1:-1, :-2] + luma[1:-1, 2:] + luma[:-2, 1:-1] + luma[2:, 1:-1] - 4 * luma[1:-1, 1:-1]
    sharpness = laplacian.var() if laplacian.size else 0.0
    return longer_side_px, image.width / image.height, float(luma.mean()), float(colourfulness), float(sharpness)


def _all_facts(images: Sequence[Path]) -> "Iterator[tuple[int, int, tuple[float, ...]] | str]":
    threads = min(_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        window = threads * _WINDOW
        for start in range(0, len(images), window):
            yield from pool.map(_facts, images[start : start + window])


def _facts(path: Path) -> tuple[int, int, tuple[float, ...]] | str:
    """(perceptual hash, digest, statistics), or why there are none."""
    try:
        content = read_image_file(path)
        image = decode(content, str(path), _SHORT_SIDE_PX)
    except AssetError as error:
        return str(error).encode(errors="replace").decode()  # a file name need not be text
    digest = int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
    with Image.open(BytesIO(content)) as header:
        longer_side_px = max(header.size)
    return perceptual_hash(image), digest, statistics(image, longer_side_px)
