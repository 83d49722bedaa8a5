"""Truncated pictures: those that lack nothing but their end mark, and those that are taken as far as they go."""

import hashlib
from collections.abc import Callable

from PIL import Image
from PIL.ImageFile import ImageFile

from classifier.images.opening import DAMAGE
from classifier.images.samples import bands

_END_OF_JPEG = b"\xff\xd9"
_FILLING = b"\x55" * 64

Reopen = Callable[[bytes], ImageFile]


def load(image: ImageFile, content: bytes, reopen: Reopen, *, partial: bool) -> tuple[ImageFile, bool]:
    """The image with its pixels, and whether some are missing; raises one of DAMAGE unless `partial` allows that.

    reopen: opens other bytes as the image was opened.
    """
    try:
        image.load()
    except DAMAGE:
        if image.format == "JPEG":
            found = _ended(content, reopen, partial=partial)
            if found is not None:
                return found
        if not partial or image.format == "JPEG" or not _has_pixels(image):
            raise
        image.tile = []  # what is decoded is all there is
        return image, True
    return image, False


def _ended(content: bytes, reopen: Reopen, *, partial: bool) -> tuple[ImageFile, bool] | None:
    """A JPEG with an end mark put behind it; None where it lacks more than that and may not.

    Data put before the mark change a picture that lacks some, and are passed over behind a whole one.
    """
    cut = content.rstrip(b"\xff")
    filled = reopen(cut + _FILLING + _END_OF_JPEG)
    filled.load()
    expected = _fingerprint(filled)
    filled.close()
    ended = reopen(cut + _END_OF_JPEG)
    ended.load()
    is_whole = _fingerprint(ended) == expected
    return (ended, not is_whole) if is_whole or partial else None


def _fingerprint(image: Image.Image) -> bytes:
    found = hashlib.blake2b()
    for _, band in bands(image):
        found.update(band.tobytes())
    return found.digest()


def _has_pixels(image: ImageFile) -> bool:
    """Whether anything was decoded before the end: memory that nobody wrote to is zero."""
    return getattr(image, "_im", None) is not None and image.im.getbbox() is not None
