"""From the colours that a file declares by an ICC profile to sRGB."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Convert = Callable[[Image.Image], Image.Image]

MAX_PROFILE_BYTES = 4 * 2**20

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})
_MODE_OF_SPACE = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAME = 2  # of 255: a profile that changes colours by less is sRGB under another name
_KEPT = 32  # profiles; each takes up to a megabyte
_NEAR = 0.25  # of 255: how far from the exact conversion a table may be, on average
_SMALL_PIXELS = 2**19  # larger images take less memory by the exact conversion


class _Conversions:
    """The conversions used last, by the hash of their profile: one takes milliseconds to make. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[str, Convert | None]] = OrderedDict()

    def of(self, profile: bytes) -> tuple[str, Convert | None]:
        """The mode that the profile describes, and the way to sRGB; no way where it is sRGB or cannot be used."""
        key = hashlib.sha256(profile).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _made(profile)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


_conversions = _Conversions()


def conversion(image: Image.Image) -> tuple[str, Convert | None]:
    """The mode that pixels must be in, and what makes sRGB of them, changed in place or new; None where they are that.

    The mode is RGB but for LAB and for CMYK with a profile; grey is taken as RGB of three equal channels.
    Profiles that are broken, or of another kind than the picture, are ignored.
    """
    if image.mode == "LAB":
        return "LAB", _from_lab().apply
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE_BYTES:
        return "RGB", None
    mode, convert = _conversions.of(profile)
    is_grey = image.mode in _GREY_MODES or image.mode.startswith("I;")
    own = "CMYK" if image.mode == "CMYK" else "L" if is_grey else "RGB"
    if mode != own or convert is None:
        return "RGB", None
    return ("CMYK" if mode == "CMYK" else "RGB"), convert


def _made(profile: bytes) -> tuple[str, Convert | None]:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _MODE_OF_SPACE.get(source.profile.xcolor_space.strip(), "")
        if not mode:
            return "", None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return "", None
    if mode == "L":
        return mode, _of_grey(transform.apply)
    return mode, transform.apply if mode == "CMYK" else _of_rgb(transform)


def _of_grey(exact: Convert) -> Convert:
    """By a table of all 256 greys."""
    greys = np.asarray(exact(Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)))).reshape(256, 3)
    table = greys.T.ravel().tolist()
    return lambda image: image.point(table)


def _of_rgb(transform: ImageCms.ImageCmsTransform) -> Convert | None:
    """By a table of colours, several times as fast as the exact conversion, where it comes near enough to that."""
    probe = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    exact = np.asarray(transform.apply(Image.fromarray(probe))).astype(int)
    if np.abs(exact - probe).max() <= _SAME:
        return None
    table = _table(transform)

    def by_table(image: Image.Image) -> Image.Image:
        pixels = np.frombuffer(image.tobytes("raw", "RGBX"), "<u4")  # red in the lowest byte
        at = (pixels & 0xFC) << 10 | (pixels & 0xFC00) >> 4 | (pixels >> 18) & 0x3F
        found = table.take(at, mode="clip") + (pixels & 0x030303)  # all channels at once: none can overflow
        return Image.frombytes("RGB", image.size, found.tobytes(), "raw", "RGBX")

    if np.abs(np.asarray(by_table(Image.fromarray(probe))) - exact).mean() > _NEAR:
        return transform.apply_in_place
    return lambda image: (by_table if image.width * image.height <= _SMALL_PIXELS else transform.apply_in_place)(image)


def _table(transform: ImageCms.ImageCmsTransform) -> npt.NDArray[np.uint32]:
    """The colours of every fourth value of red, green and blue, less what the two bits between them add."""
    steps = np.arange(2, 256, 4, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(len(steps), -1, 3)
    found = np.asarray(transform.apply(Image.fromarray(colours))).reshape(-1, 3).astype(np.int64)
    table: npt.NDArray[np.uint32] = ((found - 2).clip(0, 252) << (0, 8, 16)).sum(axis=-1).astype("<u4")
    return table


@cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
