"""Truncated files, files of several pictures, and the pixel cap: what is taken, and what is said of it."""

import struct

import pytest
from odd_pictures import colours, saved
from PIL import Image

from classifier.errors import ImageTooLargeError, UnreadableImageError
from classifier.images.decode import decode_picture
from classifier.images.limits import MAX_FRAMES, DecodeLimits, Marks

PARTIAL = DecodeLimits(partial=True)
SEVERAL = ["GIF", "WEBP", "PNG", "TIFF", "AVIF"]


def flat(level: int) -> Image.Image:
    return Image.new("RGB", (128, 96), (level,) * 3)


def sequence(image_format: str, *pictures: Image.Image) -> bytes:
    options = {"lossless": True} if image_format == "WEBP" else {}
    return saved(pictures[0], image_format, save_all=True, append_images=list(pictures[1:]), **options)


@pytest.mark.parametrize(
    ("image_format", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("GIF", {}), ("BMP", {}), ("TIFF", {})],
)
def test_truncated_pictures_are_taken_where_that_is_allowed(image_format: str, options: dict[str, object]) -> None:
    """As far as they go, and marked; refused by default."""
    content = saved(colours(), image_format, **options)
    cut = content[: len(content) * 2 // 3]
    with pytest.raises(UnreadableImageError):
        decode_picture(cut, "a")
    found = decode_picture(cut, "a", None, PARTIAL)
    assert (found.marks, found.image.size) == (Marks(partial=True), (128, 96))
    above = found.image.crop((8, 0, 9, 1)).getpixel((0, 0)) if image_format != "BMP" else None
    expected = colours().getpixel((8, 0))
    assert above is None or above == pytest.approx(expected, abs=40)
    assert decode_picture(content, "a", None, PARTIAL).marks == Marks()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF"])
def test_a_file_cut_before_its_picture_is_refused_all_the_same(image_format: str) -> None:
    content = saved(colours(), image_format)
    start = {"JPEG": content.rfind(b"\xff\xda") + 12, "PNG": 50, "GIF": 13 + 768 + 20}[image_format]
    with pytest.raises(UnreadableImageError):
        decode_picture(content[:start], "a", 64, PARTIAL)


@pytest.mark.parametrize("image_format", SEVERAL)
def test_the_first_of_several_pictures_is_marked(image_format: str) -> None:
    found = decode_picture(sequence(image_format, colours(), flat(9)), "a")
    assert found.marks == Marks(frame=1)
    assert found.image.getpixel((5, 5)) == pytest.approx(colours().getpixel((5, 5)), abs=40)


@pytest.mark.parametrize("image_format", SEVERAL)
def test_a_single_colour_gives_way_to_the_next_picture(image_format: str) -> None:
    found = decode_picture(sequence(image_format, flat(0), flat(90), colours()), "a", 64)
    assert found.marks == Marks(frame=3)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_only_so_many_pictures_are_looked_at(image_format: str) -> None:
    blank = [flat(20 * number) for number in range(MAX_FRAMES)]
    found = decode_picture(sequence(image_format, *blank, colours()), "a", 64)
    assert found.marks == Marks(frame=1)
    assert found.image.getextrema() == ((0, 0),) * 3


def test_a_single_picture_of_one_colour_stays() -> None:
    assert decode_picture(saved(flat(0), "GIF"), "a").marks == Marks()


def test_a_damaged_second_picture_spoils_nothing() -> None:
    content = sequence("GIF", flat(0), colours())
    assert decode_picture(content[:-900], "a").marks == Marks(frame=1)


def large_jpeg(*, progressive: bool = False) -> bytes:
    """9248 x 6936 px, as phones take them: 64.1 million."""
    return saved(Image.new("L", (9248, 6936), 90), "JPEG", progressive=progressive)


def test_the_cap_counts_what_is_decoded() -> None:
    """A baseline JPEG is scaled down while it is decoded; a progressive one, and one wanted in full, are not."""
    assert decode_picture(large_jpeg(), "a", 224).image.size == (299, 224)
    with pytest.raises(ImageTooLargeError, match="more than 64000000 pixels"):
        decode_picture(large_jpeg(), "a")
    with pytest.raises(ImageTooLargeError, match="more than 64000000 pixels"):
        decode_picture(large_jpeg(progressive=True), "a", 224)


def test_the_cap_is_a_setting() -> None:
    content = saved(colours(), "PNG")
    assert decode_picture(content, "a", None, DecodeLimits(128 * 96)).image.size == (128, 96)
    with pytest.raises(ImageTooLargeError, match="more than 12287 pixels"):
        decode_picture(content, "a", None, DecodeLimits(128 * 96 - 1))


@pytest.mark.parametrize("size", [(1, 64_000_000), (64_000_000, 1), (1, 2**20 + 1)])
def test_rows_are_not_for_nothing(size: tuple[int, int]) -> None:
    """Thin pictures of endless length are refused: each row costs memory of its own."""
    bitmap = b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, *size, 1, 24, 0, 0, 0, 0, 0, 0)
    with pytest.raises(ImageTooLargeError, match="a side of more than 1048576"):
        decode_picture(bitmap, "a", 64)
