"""A corpus of damaged image files: whole ones of every allowed format, mutated by a seed."""

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from classifier.images.opening import ALLOWED_FORMATS

pillow_heif.register_heif_opener()  # for saving

SIZE_PX = (61, 43)
SPLIT = {  # where parts of a file begin: segments, chunks, blocks, entries
    "JPEG": b"\xff",
    "PNG": b"\0\0",
    "WEBP": b"VP8",
    "GIF": b"\0!",
    "BMP": b"\0\0",
    "TIFF": b"\0\1",
    "AVIF": b"\0\0",
    "HEIF": b"\0\0",
}
ODD_NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]


def wholes(image_format: str, rng: random.Random) -> list[bytes]:
    """Undamaged files of a format, one for each of the ways in which it is commonly written."""
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 255, (SIZE_PX[1], SIZE_PX[0], 4), dtype=np.uint8)
    rgba = Image.fromarray(noise)
    rgb, grey, palette = rgba.convert("RGB"), rgba.convert("L"), rgba.convert("RGB").quantize(64)
    turned = rgb.rotate(90)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = rng.randint(1, 8), "a picture"
    meta: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": bytes(rng.randbytes(300))}
    made: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
        "JPEG": [(rgb, {}), (rgb, {"progressive": True}), (grey, meta), (rgb.convert("CMYK"), {}),
                 (rgb, {"quality": 100, "subsampling": 0})],
        "PNG": [(rgb, {}), (rgba, meta), (palette, {"transparency": bytes(range(64))}), (grey, {}),
                (grey.convert("I;16"), {}), (grey.convert("1"), {}),
                (rgb, {"save_all": True, "append_images": [turned]})],
        "WEBP": [(rgb, {}), (rgba, {"lossless": True, **meta}), (rgb, {"save_all": True, "append_images": [turned]})],
        "GIF": [(palette, {}), (palette, {"transparency": 3, "comment": b"hello"}), (grey, {"interlace": 1}),
                (palette, {"save_all": True, "append_images": [palette.rotate(90)], "loop": 0})],
        "BMP": [(rgb, {}), (rgba, {}), (palette, {}), (grey.convert("1"), {})],
        "TIFF": [(rgb, {}), (rgb, {"compression": "tiff_lzw", **meta}), (rgba, {"compression": "tiff_deflate"}),
                 (rgb, {"compression": "jpeg"}), (grey.convert("1"), {"compression": "group4"}),
                 (grey, {"compression": "packbits"}), (grey.convert("F"), {}), (grey.convert("I;16"), {}),
                 (rgb.convert("CMYK"), {}), (palette, {"save_all": True, "append_images": [palette]})],
        "AVIF": [(rgb, {}), (rgba, {"exif": exif.tobytes()}), (rgb, {"save_all": True, "append_images": [turned]})],
        "HEIF": [(rgb, {}), (rgba, {"exif": exif.tobytes()}), (rgb, {"save_all": True, "append_images": [turned]})],
    }  # fmt: skip
    return [_saved(image, image_format, options) for image, options in made[image_format]]


def mutated(image_format: str, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged files of a format; the same ones for the same seed."""
    rng = random.Random(f"{image_format} {seed}")
    pool = wholes(image_format, rng)
    strangers = [content for other in ALLOWED_FORMATS if other != image_format for content in wholes(other, rng)]
    for _ in range(count):
        content = bytearray(rng.choice(pool))
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            if content:
                rng.choice(MUTATIONS)(content, rng, rng.choice([*pool, rng.choice(strangers)]), SPLIT[image_format])
        yield _with_checksums(content) if image_format == "PNG" and rng.random() < 0.5 else bytes(content)


def _saved(image: Image.Image, image_format: str, options: dict[str, object]) -> bytes:
    stream = BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def _with_checksums(content: bytearray) -> bytes:
    """A PNG whose checksums are right whatever became of it, so that a decoder looks further."""
    at = 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))[: max(0, len(content) - end)]
        at = end + 4
    return bytes(content)


def _flip_bits(content: bytearray, rng: random.Random, _other: bytes, _mark: bytes) -> None:
    for _ in range(rng.choice([1, 2, 8, 64])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _truncate(content: bytearray, rng: random.Random, _other: bytes, _mark: bytes) -> None:
    del content[rng.randrange(len(content)) :]


def _lose_middle(content: bytearray, rng: random.Random, _other: bytes, _mark: bytes) -> None:
    start = rng.randrange(len(content))
    del content[start : start + rng.randint(1, 200)]


def _splice(content: bytearray, rng: random.Random, other: bytes, _mark: bytes) -> None:
    content[rng.randrange(len(content)) :] = other[rng.randrange(len(other)) :]


def _edit_header(content: bytearray, rng: random.Random, _other: bytes, _mark: bytes) -> None:
    """An odd number of one, two or four bytes in either order, near the beginning."""
    kind = rng.choice(["B", "<H", ">H", "<I", ">I"])
    size = struct.calcsize(kind)
    at = rng.randrange(min(len(content), 200))
    content[at : at + size] = struct.pack(kind, rng.choice(ODD_NUMBERS) % 2 ** (8 * size))


def _duplicate_part(content: bytearray, rng: random.Random, _other: bytes, mark: bytes) -> None:
    start, end = _part(content, rng, mark)
    content[end:end] = content[start:end] * rng.choice([1, 1, 3, 100])


def _move_part(content: bytearray, rng: random.Random, _other: bytes, mark: bytes) -> None:
    start, end = _part(content, rng, mark)
    part = content[start:end]
    del content[start:end]
    at = rng.randint(0, len(content))
    content[at:at] = part


def _insert_rubbish(content: bytearray, rng: random.Random, _other: bytes, _mark: bytes) -> None:
    at = rng.randrange(len(content))
    kinds: list[Callable[[int], bytes]] = [rng.randbytes, bytes]
    content[at:at] = rng.choice(kinds)(rng.choice([1, 4, 300]))


def _part(content: bytearray, rng: random.Random, mark: bytes) -> tuple[int, int]:
    start = max(0, content.find(mark, rng.randrange(len(content))))
    end = content.find(mark, start + 1)
    return start, len(content) if end < 0 else end


MUTATIONS: list[Callable[[bytearray, random.Random, bytes, bytes], None]] = [
    _flip_bits,
    _truncate,
    _lose_middle,
    _splice,
    _edit_header,
    _edit_header,
    _duplicate_part,
    _move_part,
    _insert_rubbish,
]
