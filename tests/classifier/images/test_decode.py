"""Decoding: what a good image of any allowed kind becomes."""

import numpy as np
import pytest
import torch
from fixture_types import Encoded
from PIL import Image

from classifier.images.decode import decode
from classifier.images.tensors import normalise, square_pixels

RED = (255, 0, 0)
WHITE = (255, 255, 255)
INVERSE = {  # orientation -> how to store an upright image so that a viewer turns it back
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def quarters() -> Image.Image:
    """60 x 40 px in four colours, so that no turn or flip leaves it as it is."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30], pixels[:20, 30:], pixels[20:, :30] = RED, (0, 255, 0), (0, 0, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG"])
def test_every_allowed_format(encoded: Encoded, image_format: str) -> None:
    """The same pixels, to what the format loses."""
    options = {"lossless": True} if image_format == "WEBP" else {}
    image = decode(encoded(quarters(), image_format, **options), "a")
    assert (image.mode, image.size) == ("RGB", (60, 40))
    gap = np.abs(np.asarray(image).astype(int) - np.asarray(quarters()).astype(int))
    assert gap.mean() < 5


@pytest.mark.parametrize("orientation", INVERSE)
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_exif_orientation(encoded: Encoded, orientation: int, image_format: str) -> None:
    """However the camera was held, the image comes out upright."""
    turn = INVERSE[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(stored, image_format, exif=exif), "a")
    np.testing.assert_array_equal(np.asarray(image), np.asarray(quarters()))


def test_exif_orientation_of_a_jpeg_decoded_at_a_fraction(encoded: Encoded) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = quarters().resize((600, 400)).transpose(Image.Transpose.ROTATE_90)
    image = decode(encoded(stored, "JPEG", exif=exif), "a", 40)
    assert image.size == (60, 40)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(quarters()).astype(int)).mean() < 8


def test_palette_transparency_of_a_gif_becomes_white(encoded: Encoded) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, 0, 0, 255])
    image.putpixel((0, 0), 1)
    out = decode(encoded(image, "GIF", transparency=0), "a")
    assert (out.getpixel((0, 0)), out.getpixel((3, 3))) == ((0, 0, 255), WHITE)


def test_palette_transparency_of_a_png_blends_with_white(encoded: Encoded) -> None:
    """A palette with an alpha for each colour: none, half, full."""
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, 0, 0, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    out = decode(encoded(image, "PNG", transparency=bytes([0, 128, 255])), "a")
    assert [out.getpixel((x, 0)) for x in range(3)] == [WHITE, (127, 127, 127), (0, 0, 255)]


@pytest.mark.parametrize(
    ("mode", "clear", "solid"), [("RGBA", (255, 0, 0, 0), (255, 0, 0, 255)), ("LA", (0, 0), (9, 255))]
)
def test_an_alpha_channel_becomes_white(
    encoded: Encoded, mode: str, clear: tuple[int, ...], solid: tuple[int, ...]
) -> None:
    image = Image.new(mode, (2, 1), clear)
    image.putpixel((1, 0), solid)
    out = decode(encoded(image, "PNG"), "a")
    assert out.getpixel((0, 0)) == WHITE
    assert out.getpixel((1, 0)) == (RED if mode == "RGBA" else (9, 9, 9))


@pytest.mark.parametrize(
    ("mode", "colour"),
    [
        ("L", 7),
        ("1", 0),
        pytest.param(
            "RGB",
            RED,
        ),
    ],
)
def test_the_transparent_colour_of_a_png_becomes_white(
    encoded: Encoded, mode: str, colour: int | tuple[int, ...]
) -> None:
    out = decode(encoded(Image.new(mode, (2, 2), colour), "PNG", transparency=colour), "a")
    assert out.getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_high_byte(encoded: Encoded, image_format: str) -> None:
    image = Image.fromarray(np.array([[0, 0x80FF, 0xFFFF]], np.uint16))
    out = decode(encoded(image, image_format), "a")
    assert [out.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), WHITE]


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_cmyk(encoded: Encoded, image_format: str) -> None:
    out = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), image_format), "a")
    assert out.mode == "RGB"
    assert out.getpixel((8, 8)) == pytest.approx(RED, abs=8)


def test_the_first_frame_of_an_animation(encoded: Encoded) -> None:
    frames = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), (0, 255, 0))]
    out = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a")
    assert out.getpixel((4, 4)) == RED


@pytest.mark.parametrize(
    ("size", "short_side_px", "expected"),
    [((600, 400), 40, (60, 40)), ((400, 600), 40, (40, 60)), ((60, 40), 40, (60, 40)), ((30, 20), 40, (30, 20))],
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_scaled_down_and_never_up(
    encoded: Encoded, size: tuple[int, int], short_side_px: int, expected: tuple[int, int], image_format: str
) -> None:
    assert decode(encoded(quarters().resize(size), image_format), "a", short_side_px).size == expected


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (1, 1)])
def test_the_thinnest_images(encoded: Encoded, size: tuple[int, int]) -> None:
    image = decode(encoded(Image.new("RGB", size, RED), "PNG"), "a", 16)
    assert square_pixels(image, 16).shape == (3, 16, 16)


def test_square_pixels_are_the_centre() -> None:
    """Of a wide image the middle stays; channels first, uint8."""
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = RED
    square = square_pixels(Image.fromarray(pixels), 20)
    assert (square.shape, square.dtype) == ((3, 20, 20), torch.uint8)
    assert square[:, :, 10].tolist() == [[255] * 20, [0] * 20, [0] * 20]


def test_normalise_by_hand() -> None:
    mean, std = torch.tensor([0.5, 0.0, 1.0]).view(3, 1, 1), torch.tensor([0.5, 1.0, 2.0]).view(3, 1, 1)
    out = normalise(torch.tensor([255, 51, 0], dtype=torch.uint8).view(1, 3, 1, 1), mean, std)
    assert out.dtype == torch.float32
    assert out.flatten().tolist() == pytest.approx([1.0, 0.2, -0.5])
