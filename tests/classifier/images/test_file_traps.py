"""Files that are built to cost memory or time: refused by what their first bytes say, in little memory."""

import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from fixture_types import Encoded
from PIL import Image

from classifier.errors import AssetError
from classifier.images.decode import decode
from classifier.images.limits import LARGE_PIXELS, MAX_PIXELS
from classifier.images.opening import ALLOWED_FORMATS

pillow_heif.register_heif_opener()  # for saving


def saved(image_format: str, size: tuple[int, int] = (64, 64), mode: str = "RGB", **options: object) -> bytes:
    stream = BytesIO()
    Image.new(mode, size, 9).save(stream, image_format, **options)
    return stream.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A good PNG with more chunks behind its header."""
    made = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    whole = saved("PNG")
    return whole[:33] + b"".join(made) + whole[33:]


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """A good JPEG with more segments behind its start."""
    made = (b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    whole = saved("JPEG")
    return whole[:2] + b"".join(made) + whole[2:]


def gif(blocks: bytes) -> bytes:
    """A good GIF with more before its picture."""
    whole = saved("GIF", mode="L")
    start = 13 + (3 << (whole[10] & 7) + 1)
    return whole[:start] + blocks + whole[start:]


def tiff(tags: list[tuple[int, int, int, int]], data: bytes = b"") -> bytes:
    """A TIFF of (tag, type, count, value); the value -1 stands for where the data are."""
    after = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, kind, n, after if v < 0 else v) for tag, kind, n, v in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def tiled(side_px: int) -> bytes:
    """A grey TIFF of 64 x 64 px in one tile of zeros, packed a thousandfold."""
    packed = zlib.compress(bytes(side_px * side_px), 1)
    fixed = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    return tiff([*fixed, (322, 4, 1, side_px), (323, 4, 1, side_px), (324, 4, 1, -1), (325, 4, 1, len(packed))], packed)


def scanned(count: int, size: tuple[int, int]) -> bytes:
    """A progressive JPEG whose second scan comes `count` times."""
    whole = saved("JPEG", size, progressive=True)
    first = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    second = whole.index(b"\xff\xda", first + 2)
    return whole[:first] + whole[first:second] * count + whole[second:]


def frames(image_format: str, count: int) -> bytes:
    """An animation."""
    pictures = [Image.new("L", (16, 16), number % 256) for number in range(count)]
    stream = BytesIO()
    pictures[0].save(stream, image_format, save_all=True, append_images=pictures[1:])
    return stream.getvalue()


def run_length(width: int, height: int) -> bytes:
    """A BMP that skips all its rows by a few bytes."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + head + bytes(1024) + b"\0\2\0\xff" * 8 + b"\0\1"


def claimed(image_format: str, width: int, height: int) -> bytes:
    """A small good image whose header claims another size."""
    whole = bytearray(saved(image_format))
    if image_format == "JPEG":
        at = whole.index(b"\xff\xc0") + 5
        whole[at : at + 4] = struct.pack(">HH", height, width)
    elif image_format == "GIF":
        whole[6:10] = struct.pack("<HH", width, height)
    elif image_format == "BMP":
        whole[18:26] = struct.pack("<ii", width, height)
    elif image_format == "PNG":
        head = b"IHDR" + struct.pack(">II", width, height) + whole[24:29]
        whole[12:33] = head + struct.pack(">I", zlib.crc32(head))
    elif image_format in ("AVIF", "HEIF"):
        at = whole.index(b"ispe") + 8
        whole[at : at + 8] = struct.pack(">II", width, height)
    elif image_format == "TIFF":
        whole = bytearray(
            tiff([(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)])
        )
    else:
        whole = bytearray(saved("WEBP", exif=b"Exif\0\0" + tiff([])))
        whole[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(whole)


def outcome(content: bytes) -> str:
    """The mode of the decoded image, or the code of the refusal."""
    try:
        return decode(content, "a", 32).mode
    except AssetError as error:
        return error.code


BOMB = zlib.compress(bytes(2**28), 9)
SLOW, LARGE = "unreadable_image", "image_too_large"
PACKED = {
    "text": png((b"zTXt", b"a\0\0" + BOMB)),
    "international text": png((b"iTXt", b"a\0\1\0\0\0" + BOMB)),
    "profile": png((b"iCCP", b"a\0\0" + BOMB)),
    "EXIF as text": png((b"zTXt", b"Raw profile type exif\0\0" + BOMB)),
    "many texts": png(*[(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20 - 1)))] * 70),
}
TRAPS = {
    "texts of a PNG": (png(*[(b"tEXt", b"a\0b")] * 66_000), SLOW),
    "data chunks of a PNG": (png(*[(b"IDAT", b"")] * 66_000), SLOW),
    "a side of a PNG": (claimed("PNG", 1, MAX_PIXELS), LARGE),
    "a side of a BMP": (claimed("BMP", MAX_PIXELS, 1), LARGE),
    "segments of a JPEG": (jpeg(*[(0xE5, b"x")] * 66_000), SLOW),
    "EXIF segments of a JPEG": (jpeg(*[(0xE1, b"Exif\0\0" + bytes(65_000))] * 17), SLOW),
    "padding of a JPEG": (saved("JPEG")[:2] + b"\xff" * 70_000 + saved("JPEG")[2:], SLOW),
    "rubbish in a JPEG": (saved("JPEG")[:2] + b"\0" * 70_000 + saved("JPEG")[2:], SLOW),
    "rubbish instead of a JPEG": (b"\xff\xd8" + bytes(70_000), SLOW),
    "scans of a small JPEG": (scanned(1001, (16, 16)), SLOW),
    "scans of a large JPEG": (scanned(40, (8000, 8000)), SLOW),
    "comments of a GIF": (gif(b"!\xfe\x01a\0" * 160_000), SLOW),
    "rubbish in a GIF": (gif(b"\0" * 310_000), SLOW),
    "tile of a TIFF": (tiled(LARGE_PIXELS // 1024), LARGE),
    "strips of a TIFF": (tiff([(256, 4, 1, 1), (257, 4, 1, 1), (273, 3, 2**20 + 1, -1)], bytes(2**21 + 2)), SLOW),
    "run lengths of a BMP": (run_length(2_000_000, 3), LARGE),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_refused(trap: str) -> None:
    """With its code and in one line."""
    content, code = TRAPS[trap]
    with pytest.raises(AssetError) as caught:
        decode(content, "a.jpg", 32)
    assert caught.value.code == code
    assert str(caught.value).startswith("a.jpg: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packed", PACKED)
def test_packed_metadata_are_left_out(packed: str) -> None:
    """They spoil no picture, and are never unpacked in full."""
    assert decode(PACKED[packed], "a", 32).size == (32, 32)


@pytest.mark.parametrize("image_format", [name for name in ALLOWED_FORMATS if name != "JPEG"])
def test_a_header_that_claims_too_many_pixels(image_format: str) -> None:
    """Before a decoder asks for memory, in each format; MAX_PIXELS themselves are not the reason."""
    with pytest.raises(AssetError) as caught:
        decode(claimed(image_format, 16_000, 16_000), "a", 32)
    assert (caught.value.code, "pixels" in str(caught.value)) == ("image_too_large", True)
    assert outcome(claimed(image_format, 8000, 8000)) in {"RGB", "unreadable_image"}


@pytest.mark.parametrize(
    "content",
    [
        png(*[(b"tEXt", b"a\0" + b"b" * 1000)] * 200),
        png((b"iCCP", b"a\0\0" + zlib.compress(bytes(500_000)))),
        jpeg(*[(0xE2, b"ICC_PROFILE\0" + bytes([n + 1, 40]) + bytes(65_000)) for n in range(40)]),
        jpeg(*[(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000))] * 200),
        jpeg(*[(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 50)] * 10),
        saved("JPEG")[:2] + b"\xff" * 1000 + saved("JPEG")[2:],
        scanned(100, (640, 480)),
        gif(b"!\xfe" + (b"\xff" + b"a" * 255) * 4000 + b"\0"),
        tiled(512),
        run_length(1000, 1000),
        frames("GIF", 3000),
        frames("WEBP", 3000),
        frames("PNG", 3000),
        frames("TIFF", 1000),
    ],
    ids=[
        "texts",
        "profile",
        "profile in parts",
        "depth map",
        "photoshop",
        "padding",
        "scans",
        "comment",
        "tile",
        "run",
        "frames of a GIF",
        "frames of a WebP",
        "frames of a PNG",
        "frames of a TIFF",
    ],
)
def test_much_is_no_trap(content: bytes) -> None:
    """What real software writes, by generous measure, is decoded."""
    assert decode(content, "a", 32).mode == "RGB"


@pytest.mark.parametrize(
    ("kind", "count", "value"),
    [(3, 1, 0), (3, 1, 9), (3, 1, 65_535), (4, 1, 2**32 - 1), (2, 2, 0x36), (7, 1, 6), (3, 2, 0x90009),
     (11, 1, 0x40D00000), (3, 2**31, 6), (5, 1, 2**32 - 1), (99, 1, 6)],
    ids=["none", "nine", "short", "long", "text", "bytes", "two", "6.5", "many", "nowhere", "unknown"],
)  # fmt: skip
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_an_absurd_orientation_is_none(encoded: Encoded, image_format: str, kind: int, count: int, value: int) -> None:
    """The picture stays as it is stored."""
    exif = b"Exif\0\0" + tiff([(0x0112, kind, count, value)])
    image = Image.fromarray(np.zeros((20, 30, 3), np.uint8))
    assert decode(encoded(image, image_format, exif=exif), "a").size == (30, 20)


@pytest.mark.parametrize(
    "rubbish", [b"", b"\xff" * 300_000, b"MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 5000, bytes(300_000)]
)
@pytest.mark.parametrize("kind", ["exif", "xmp", "icc_profile"])
@pytest.mark.parametrize("image_format", ["PNG", "WEBP"])
def test_absurd_metadata_spoil_no_picture(encoded: Encoded, image_format: str, kind: str, rubbish: bytes) -> None:
    """EXIF, XMP and ICC that mean nothing are passed over."""
    image = Image.fromarray(np.zeros((20, 30, 3), np.uint8))
    assert decode(encoded(image, image_format, **{kind: rubbish}), "a").size == (30, 20)


PEAK = """
import json, resource, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from classifier.errors import AssetError
from classifier.images.decode import decode

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

contents = [Path(name).read_bytes() for name in sys.argv[1:]]
before = peak()
for content in contents:
    try:
        decode(content, "a", 224)
    except AssetError:
        pass
print(json.dumps(peak() - before))
"""


def peak_megabytes(folder: Path, *contents: bytes) -> int:
    """By how much decoding the files raises the peak of a fresh process."""
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    command = [sys.executable, "-c", PEAK, *(str(folder / str(number)) for number in range(len(contents)))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_traps_take_little_memory(tmp_path: Path) -> None:
    """All of them, one after the other."""
    claims = [claimed(image_format, 16_000, 16_000) for image_format in ALLOWED_FORMATS]
    assert peak_megabytes(tmp_path, *claims, *(content for content, _ in TRAPS.values()), *PACKED.values()) < 200


@pytest.mark.parametrize(
    ("image_format", "mode", "options"),
    [("PNG", "RGBA", {"compress_level": 1}), ("JPEG", "RGB", {"progressive": True, "subsampling": 0})],
)
def test_the_largest_image_takes_bounded_memory(
    tmp_path: Path, image_format: str, mode: str, options: dict[str, object]
) -> None:
    """MAX_PIXELS in full, transparent and progressive: at most ten bytes a pixel."""
    content = saved(image_format, (8000, MAX_PIXELS // 8000), mode, **options)
    assert peak_megabytes(tmp_path, content) < 10 * MAX_PIXELS / 2**20
