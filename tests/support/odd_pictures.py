"""One picture in many odd files, each of which must look like its plain PNG."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, cast

import numpy as np
from colour_profiles import ADOBE_RGB, DISPLAY_P3, grey_profile, ink_profile, rgb_profile
from PIL import Image, ImageCms

GAMMA = 2.2
_S_MIN, _S_MAX, _BITS = 340, 341, 258
_PNG_HEADER_BYTES = 33

Case = tuple[str, bytes, Image.Image]  # name, file, the plain picture


def saved(image: Image.Image, image_format: str, **options: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def colours() -> Image.Image:
    """128 x 96 px of soft red, green and blue waves."""
    y, x = np.mgrid[0:96, 0:128]
    waves = [150 + 90 * np.sin(x / 17), 110 + 80 * np.cos(y / 13), 90 + 70 * np.sin((x + y) / 19)]
    return Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))


def grey() -> Image.Image:
    return colours().convert("L")


def chunk(kind: bytes, body: bytes, *, damaged: bool = False) -> bytes:
    """A chunk of a PNG, with a right checksum or a wrong one."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ damaged)


def png_with(*chunks: bytes) -> bytes:
    """The picture with more chunks behind its header."""
    whole = saved(colours(), "PNG")
    return whole[:_PNG_HEADER_BYTES] + b"".join(chunks) + whole[_PNG_HEADER_BYTES:]


def twelve_bits() -> bytes:
    """A grey TIFF whose pixels are packed in 12 bits each."""
    values = (np.asarray(grey()).astype(np.uint32) * 16 + 15).reshape(-1, 2)
    first, second = values[:, 0], values[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8).tobytes()
    tags = [(256, 4, 128), (257, 4, 96), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8 + 2 + 12 * 9 + 4),
            (277, 3, 1), (278, 4, 96), (279, 4, len(packed))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + packed


def deep() -> Iterator[Case]:
    """Grey in more than 8 bits, or in numbers."""
    plain = grey()
    values = np.asarray(plain)
    deep16 = values.astype(np.uint16) * 257
    yield "16-bit PNG", saved(Image.fromarray(deep16), "PNG"), plain
    yield "16-bit PNG with a transparent value", saved(Image.fromarray(deep16), "PNG", transparency=1), plain
    yield "16-bit TIFF", saved(Image.fromarray(deep16), "TIFF"), plain
    yield "16-bit TIFF, big-endian", saved(Image.fromarray(deep16.astype(">u2")), "TIFF"), plain
    yield (
        "16-bit TIFF of a declared range",
        saved(Image.fromarray(values.astype(np.uint16) * 16), "TIFF", tiffinfo={_S_MIN: 0, _S_MAX: 4080}),
        plain,
    )
    yield "12-bit TIFF", twelve_bits(), plain
    yield "32-bit TIFF in full", saved(Image.fromarray(values.astype(np.int32) << 23), "TIFF"), plain
    yield "32-bit TIFF of a declared range", saved(plain.convert("I"), "TIFF", tiffinfo={_S_MIN: 0, _S_MAX: 255}), plain
    yield "float TIFF from 0 to 1", saved(Image.fromarray(values.astype(np.float32) / 255), "TIFF"), plain
    yield (
        "float TIFF of a declared range",
        saved(plain.convert("F"), "TIFF", tiffinfo={_S_MIN: 0.0, _S_MAX: 255.0}),
        plain,
    )


def other_modes() -> Iterator[Case]:
    """Transparency, palettes, inks and Lab."""
    plain, palette = colours(), colours().quantize(128)
    opaque = Image.new("L", plain.size, 255)
    srgb, wide = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = cast("Image.Image", ImageCms.profileToProfile(plain, srgb, wide, outputMode="LAB"))
    yield "LA", saved(Image.merge("LA", [grey(), opaque]), "PNG"), grey()
    yield "PA", saved(palette.convert("PA"), "TIFF"), palette
    yield "P with transparency", saved(palette, "PNG", transparency=bytes([255] * 128)), palette
    yield "RGBA", saved(plain.convert("RGBA"), "WEBP", lossless=True), plain
    yield "CMYK", saved(plain.convert("CMYK"), "TIFF"), plain
    stored = plain.convert("YCbCr")  # which rounds its colours
    yield "YCbCr", saved(stored, "TIFF"), stored.convert("RGB")
    yield "Lab", saved(lab, "TIFF"), plain


def profiled() -> Iterator[Case]:
    """Pictures whose colours are not those of sRGB, and profiles that mean nothing."""
    plain = colours()
    srgb = ImageCms.createProfile("sRGB")
    for name, image, profile, image_format in [
        ("Display P3", plain, rgb_profile(DISPLAY_P3, GAMMA), "PNG"),
        ("Adobe RGB", plain, rgb_profile(ADOBE_RGB, GAMMA), "TIFF"),
        ("linear RGB", plain, rgb_profile(DISPLAY_P3, 1.0), "WEBP"),
        ("grey", grey(), grey_profile(1.0), "PNG"),
        ("inks", plain.convert("CMYK"), ink_profile(0.9), "TIFF"),
    ]:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        seen = cast("Image.Image", ImageCms.profileToProfile(image, source, srgb, outputMode="RGB"))
        lossless = {"lossless": True} if image_format == "WEBP" else {}
        yield f"a profile of {name}", saved(image, image_format, icc_profile=profile, **lossless), seen
    for name, profile in [
        ("sRGB", ImageCms.ImageCmsProfile(srgb).tobytes()),
        ("nothing", b"profile" * 99),
        ("grey, in colour", grey_profile(1.0)),
        ("Display P3, cut off", rgb_profile(DISPLAY_P3, GAMMA)[:300]),
    ]:
        yield f"a profile of {name}", saved(plain, "PNG", icc_profile=profile), plain


def worn() -> Iterator[Case]:
    """Metadata that are damaged or huge, and ends that are missing or not the end."""
    plain, much = colours(), zlib.compress(bytes(2**22))
    jpeg = saved(plain, "JPEG", quality=95)
    seen = Image.open(BytesIO(jpeg)).convert("RGB")
    progressive = saved(plain, "JPEG", quality=95, progressive=True)
    yield "packed text", png_with(chunk(b"zTXt", b"a\0\0" + much)), plain
    yield "packed international text", png_with(chunk(b"iTXt", b"a\0\1\0\0\0" + much)), plain
    yield "packed profile", png_with(chunk(b"iCCP", b"a\0\0" + much)), plain
    yield "a wrong checksum", png_with(chunk(b"pHYs", bytes(9), damaged=True)), plain
    yield "a short chunk", png_with(chunk(b"pHYs", b"a"), chunk(b"tRNS", b"a"), chunk(b"gAMA", b"")), plain
    yield "JPEG without its end mark", jpeg[:-2], seen
    yield "JPEG without half of its end mark", jpeg[:-1], seen
    yield "progressive JPEG without its end mark", progressive[:-2], seen
    yield "trailing bytes of a JPEG", jpeg + b"more" * 500, seen
    yield "trailing bytes of a PNG", saved(plain, "PNG") + b"more" * 500, plain
    yield "PNG without its last chunk", saved(plain, "PNG")[:-12], plain
