"""However a picture is stored, it looks like its plain RGB PNG and gets the same label."""

import numpy as np
import pytest
from colour_profiles import DISPLAY_P3, rgb_profile
from fixture_types import Encoded
from odd_pictures import GAMMA, Case, colours, deep, grey, other_modes, profiled, saved, worn
from PIL import Image

from classifier.bundles.bundle import Bundle
from classifier.errors import UnreadableImageError, UnsupportedFormatError
from classifier.images.decode import decode
from classifier.inference.prediction import AssetPrediction
from classifier.inference.predictor import Predictor

CASES = [*deep(), *other_modes(), *profiled(), *worn()]
by_name = pytest.mark.parametrize("case", CASES, ids=[name for name, _, _ in CASES])


@pytest.fixture(scope="module")
def predictor(trained: Bundle) -> Predictor:
    return Predictor(trained)


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(image.convert("RGB")).astype(np.int64)


def confidences(prediction: AssetPrediction) -> dict[str, float]:
    """By node, the best ones and those beside them: all there are."""
    best = {label.node: label.confidence for label in prediction.levels}
    return best | {other.node: other.confidence for label in prediction.levels for other in label.alternatives}


@by_name
def test_it_looks_like_the_plain_picture(case: Case) -> None:
    _, content, plain = case
    gap = np.abs(pixels(decode(content, "a")) - pixels(plain))
    assert (gap.mean() < 2, gap.max() < 24) == (True, True)


@by_name
def test_it_gets_the_label_of_the_plain_picture(case: Case, predictor: Predictor) -> None:
    """Each node has the same confidence within 0.01, so that the labels are the same where it is no tie."""
    _, content, plain = case
    odd, even = (predictor.picture(file, "a") for file in (content, saved(plain.convert("RGB"), "PNG")))
    found, expected = predictor.predict_pictures({"odd": odd, "even": even})
    assert confidences(found) == pytest.approx(confidences(expected), abs=0.01)
    assert {"partial", "frame"}.isdisjoint(found.as_dict())


@pytest.mark.parametrize(
    ("image_format", "options"), [("AVIF", {"quality": 95, "subsampling": "4:4:4"}), ("HEIF", {"quality": 95})]
)
def test_new_formats(image_format: str, options: dict[str, object]) -> None:
    """AVIF and HEIC are formats like the others, turned as their cameras were held, their profiles converted."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = colours().transpose(Image.Transpose.ROTATE_90)
    content = saved(stored, image_format, exif=exif.tobytes(), **options)
    assert np.abs(pixels(decode(content, "a")) - pixels(colours())).mean() < 4
    p3 = saved(colours(), image_format, icc_profile=rgb_profile(DISPLAY_P3, GAMMA), **options)
    plain_p3 = saved(colours(), "PNG", icc_profile=rgb_profile(DISPLAY_P3, GAMMA))
    assert np.abs(pixels(decode(p3, "a")) - pixels(decode(plain_p3, "a"))).mean() < 4


def test_heic_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UnsupportedFormatError, match=r"a: HEIC needs .* pip install cladist\[heif\]"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50), "a")


@pytest.mark.parametrize(
    "image",
    [grey().convert("I"), grey().convert("F"), Image.fromarray(np.asarray(grey()).astype(np.uint16) * 15),
     Image.fromarray(np.asarray(grey()).astype(np.int32) - 100)],
    ids=["32 bits", "float", "12 bits in 16", "negative"],
)  # fmt: skip
def test_numbers_of_no_known_range_are_refused(image: Image.Image) -> None:
    """Never a black or a white square."""
    with pytest.raises(UnreadableImageError, match="no range that tells black and white"):
        decode(saved(image, "TIFF"), "a")


def test_a_black_picture_of_16_bits_is_black(encoded: Encoded) -> None:
    assert decode(encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "TIFF"), "a").getpixel((4, 4)) == (0, 0, 0)


def test_the_transparent_value_of_16_bit_grey_is_white(encoded: Encoded) -> None:
    image = Image.fromarray(np.array([[1000, 1001, 65535]], np.uint16))
    found = decode(encoded(image, "PNG", transparency=1000), "a")
    assert [found.getpixel((x, 0)) for x in range(3)] == [(255,) * 3, (3,) * 3, (255,) * 3]
