"""Decode hostile bytes into pixels: allow-listed formats, a pixel cap read from the header, one error per cause."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from classifier.errors import (
    AccessDeniedError,
    AssetNotFoundError,
    ImageTooLargeError,
    UnreadableImageError,
    UnsupportedFormatError,
)

ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 64 * 2**20
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_WHITE = 255
# What Pillow's decoders and its reader of EXIF raise on damaged files.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, struct.error)


def read_image_file(path: Path) -> bytes:
    """The bytes of a file of at most MAX_FILE_BYTES. Raises AssetError."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise AssetNotFoundError(f"{path}: no such file") from None
    except (PermissionError, IsADirectoryError) as error:
        raise AccessDeniedError(f"{path}: {error.strerror}") from None
    except (OSError, ValueError) as error:
        raise UnreadableImageError(f"{path}: {error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ImageTooLargeError(f"{path}: more than {MAX_FILE_BYTES} bytes")
    return content


def decode(content: bytes, source: str, short_side_px: int | None = None) -> Image.Image:
    """Decode to upright RGB; transparent pixels become white.

    With `short_side_px` the result is scaled down until its shorter side has that length; it is never scaled up.
    Raises UnsupportedFormatError, ImageTooLargeError or UnreadableImageError, naming `source`.
    """
    try:
        image = Image.open(BytesIO(content), formats=ALLOWED_FORMATS)
        _refuse_large(image, source)
        if short_side_px is not None:
            image.draft("RGB", (short_side_px, short_side_px))  # JPEG only: decode at a fraction of the size
        upright = _to_rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise _unidentified(content, source) from None
    except Image.DecompressionBombError:
        raise ImageTooLargeError(f"{source}: more than {MAX_PIXELS} pixels") from None
    except _DAMAGE as error:
        raise UnreadableImageError(f"{source}: {str(error) or type(error).__name__}") from None
    return upright if short_side_px is None else _shrink(upright, short_side_px)


def square_pixels(image: Image.Image, size_px: int) -> Tensor:
    """The centre of the image, its shorter side scaled to `size_px`: (3, size_px, size_px) uint8."""
    fitted = ImageOps.fit(image, (size_px, size_px), method=Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(fitted)).permute(2, 0, 1).contiguous()


def normalise(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 -> float32 in channels_last order; mean and std are (3, 1, 1), of values in [0, 1]."""
    scaled = pixels.to(memory_format=torch.channels_last).float() / _WHITE
    return (scaled - mean.to(pixels.device)) / std.to(pixels.device)


def _refuse_large(image: Image.Image, source: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(f"{source}: {width} x {height} px, more than {MAX_PIXELS} pixels")


def _unidentified(content: bytes, source: str) -> UnreadableImageError | UnsupportedFormatError:
    if not content:
        return UnreadableImageError(f"{source}: the file is empty")
    if content.startswith(_MAGIC) or (content[:4], content[8:12]) == (b"RIFF", b"WEBP"):
        return UnreadableImageError(f"{source}: the image data are damaged")
    return UnsupportedFormatError(f"{source}: not an image in an allowed format ({', '.join(ALLOWED_FORMATS)})")


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (_WHITE,) * 4)
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
