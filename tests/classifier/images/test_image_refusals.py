"""Hostile bytes: each cause has its error and its code, and nothing but an AssetError ever comes out."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fixture_types import Encoded
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from classifier.errors import AssetError
from classifier.images.decode import MAX_FILE_BYTES, decode, read_image_file


def refused(content: bytes) -> AssetError:
    with pytest.raises(AssetError) as caught:
        decode(content, "holiday.jpg", 32)
    assert str(caught.value).startswith("holiday.jpg: ")
    assert "\n" not in str(caught.value)
    return caught.value


def outcome(content: bytes) -> str:
    """The mode of the decoded image, or the code of the refusal."""
    try:
        return decode(content, "a", 16).mode
    except AssetError as error:
        return error.code


def noise(side_px: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (side_px, side_px, 3), dtype=np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and brings no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_an_empty_file_is_refused() -> None:
    error = refused(b"")
    assert (error.code, str(error)) == ("unreadable_image", "holiday.jpg: the file is empty")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_file_is_refused(encoded: Encoded, image_format: str, share: float) -> None:
    """Cut anywhere from the header to just before the end."""
    content = encoded(noise(), image_format)
    assert refused(content[: max(4, int(len(content) * share))]).code == "unreadable_image"


@pytest.mark.parametrize(
    "content",
    [
        b"This is not a photograph.",
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"<!DOCTYPE html><html><body><img src='a.jpg'></body></html>",
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + b"\x00" * 40,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\x00" * 100,
    ],
    ids=["text", "svg", "html", "zip", "pdf", "eps", "zeros"],
)
def test_another_format_under_the_name_of_an_image(content: bytes) -> None:
    error = refused(content)
    assert error.code == "unsupported_format"
    assert "not an image in an allowed format (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIF)" in str(error)


@pytest.mark.parametrize("image_format", ["PPM", "ICO", "PCX", "TGA", "JPEG2000"])
def test_formats_that_pillow_knows_and_we_do_not_allow(encoded: Encoded, image_format: str) -> None:
    assert refused(encoded(noise(16), image_format)).code == "unsupported_format"


def test_a_sound_file_is_no_damaged_image() -> None:
    assert refused(b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + b"\x00" * 24).code == "unsupported_format"


@pytest.mark.parametrize("size", [(30_000, 30_000), (10_000, 10_000), (8_000, 8_001), (2**31 - 1, 1)])
def test_too_many_pixels_by_the_header_alone(size: tuple[int, int]) -> None:
    """A few bytes that claim up to 900 million pixels: refused before any pixel is asked for."""
    error = refused(png_header(*size))
    assert error.code == "image_too_large"
    assert "more than 64000000 pixels" in str(error)


def test_exactly_the_allowed_pixels_are_no_reason() -> None:
    """64 million claimed: the error is that the pixels are missing."""
    assert refused(png_header(8_000, 8_000)).code == "unreadable_image"


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_no_pixels_at_all(size: tuple[int, int]) -> None:
    assert refused(png_header(*size)).code == "unreadable_image"


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP"])
def test_a_tag_of_the_wrong_type_beside_the_orientation(encoded: Encoded, image_format: str) -> None:
    """Tag 317 holds text where a number belongs: the image may be refused or not, but by an AssetError."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "hi"
    content = encoded(noise(), image_format, exif=exif.tobytes().replace(b"\x01\x0e", b"\x01\x3d"))
    assert outcome(content) in {"RGB", "unreadable_image"}


SEEDS = [("JPEG", {}), ("PNG", {}), ("GIF", {}), ("WEBP", {}), ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"})]


@given(
    kind=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, 4000),
)
def test_broken_bytes_give_an_image_or_an_asset_error(
    kind: tuple[str, dict[str, str]], edits: list[tuple[int, int]], cut: int
) -> None:
    """Nothing else may come out: the worker takes any other error for a bug of ours."""
    content = bytearray(_seed(*kind))
    for position, value in edits:
        content[position % len(content)] = value
    left = bytes(content[: max(1, len(content) - cut // 4)])
    assert outcome(left) in {"RGB", "unreadable_image", "unsupported_format", "image_too_large"}


def _seed(image_format: str, options: dict[str, str]) -> bytes:
    stream = BytesIO()
    noise(20).save(stream, image_format, **options)
    return stream.getvalue()


def code_of(path: Path) -> str:
    with pytest.raises(AssetError) as caught:
        read_image_file(path)
    assert str(path) in str(caught.value) or "\0" in str(path)
    return caught.value.code


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert code_of(tmp_path / "nowhere.jpg") == "asset_not_found"
    assert code_of(tmp_path / "file" / "inside.jpg") == "asset_not_found"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "access_denied"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "secret.jpg").chmod(0)
    assert code_of(tmp_path / "secret.jpg") == "access_denied"


def test_an_impossible_name_is_refused() -> None:
    assert code_of(Path("a\0b.jpg")) == "unreadable_image"


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    """One byte more than allowed, and none less."""
    path = tmp_path / "big.jpg"
    with path.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    assert code_of(path) == "image_too_large"
    os.truncate(path, MAX_FILE_BYTES)
    assert len(read_image_file(path)) == MAX_FILE_BYTES
