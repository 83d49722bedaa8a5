"""From the colours that a file declares by an ICC profile to sRGB."""

import hashlib
import threading
from collections import OrderedDict
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 2**20

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})
_MODE_OF_SPACE = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SAME = 2  # of 255: a profile that changes colours by less is sRGB under another name
_KEPT_TRANSFORMS = 32

Transform = ImageCms.ImageCmsTransform


class _Transforms:
    """The transforms used last, by the hash of their profile: one takes milliseconds to make. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[str, Transform | None]] = OrderedDict()

    def of(self, profile: bytes) -> tuple[str, Transform | None]:
        """The mode that the profile describes, and the way to sRGB; no way where it is sRGB or cannot be used."""
        key = hashlib.sha256(profile).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = _made(profile)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT_TRANSFORMS:
                self._kept.popitem(last=False)
        return made


_transforms = _Transforms()


def profile_transform(image: Image.Image) -> tuple[str, Transform | None]:
    """The mode that the image must be in for its profile, and the transform from there; ("RGB", None) without one.

    Profiles that are broken, or of another kind than the picture, are ignored.
    """
    if image.mode == "LAB":
        return "LAB", _lab_transform()
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE_BYTES:
        return "RGB", None
    mode, transform = _transforms.of(profile)
    own = "CMYK" if image.mode == "CMYK" else "L" if _is_grey(image) else "RGB"
    return (mode, transform) if mode == own and transform is not None else ("RGB", None)


def to_srgb(image: Image.Image, mode: str, transform: Transform | None) -> Image.Image:
    """The image, shrunk before if it will be, in sRGB; grey comes as RGB of three equal channels."""
    if transform is None:
        return image
    if mode == "RGB":
        transform.apply_in_place(image)
        return image
    return transform.apply(image.getchannel(0) if mode == "L" else image)


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREY_MODES or image.mode.startswith("I;")


def _made(profile: bytes) -> tuple[str, Transform | None]:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _MODE_OF_SPACE.get(source.profile.xcolor_space.strip(), "")
        if not mode:
            return "", None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return mode, None if mode == "RGB" and _changes_nothing(transform) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return "", None


def _changes_nothing(transform: Transform) -> bool:
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    after = np.asarray(transform.apply(Image.fromarray(cube)))
    return int(np.abs(after.astype(int) - cube).max()) <= _SAME


@cache
def _lab_transform() -> Transform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
