"""A catalogue of geometric figures, a ragged taxonomy drawn as a labelled folder of images."""

import colorsys
import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

from classifier.progress import Progress, silent
from taxonomy import PATH_SEPARATOR
from taxonomy.arrays import Floats

PER_LEAF: Mapping[str, int] = {"train": 120, "val": 25, "test": 25}
SIZE_PX = 96
_OVERSAMPLE = 2  # pictures are drawn this much larger, for smooth edges
_CAMERA_DISTANCE = 3.5  # in radii of the figure
_ROUND = 48  # corners of a drawn circle
_PATCHES = 6  # of light along a side of the paper
_STYLES = ("filled", "filled", "edged", "outlined", "outlined", "dashed")
_LIGHT = np.array([-0.45, -0.6, 0.66])

Points = Floats
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Corners (K, 3), and the faces of a solid as positions among them; a flat figure has none."""

    corners: Points
    faces: tuple[tuple[int, ...], ...] = ()
    is_open: bool = False  # a line without an inside


def _flat(corners: ArrayLike, *, is_open: bool = False) -> Figure:
    return Figure(np.pad(np.asarray(corners, dtype=np.float64), ((0, 0), (0, 1))), is_open=is_open)


def _turn(turns: ArrayLike, radius: ArrayLike = 1.0) -> Points:
    """Points (K, 2) at these angles, in turns."""
    angles = 2 * np.pi * np.asarray(turns)
    points: Points = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * np.asarray(radius)[..., None]
    return points


def _ring(count: int) -> Points:
    return _turn(np.arange(count) / count)


def _box(height: float) -> Points:
    return np.array([(-1, -height), (1, -height), (1, height), (-1, height)])


def _obtuse(rng: Generator) -> Figure:
    x, y = _turn(rng.uniform(0.31, 0.41), rng.uniform(0.6, 1.0))
    return _flat([(0, 0), (1, 0), (x, y)])


def _trapezoid(rng: Generator) -> Figure:
    left, right, height = rng.uniform(0.15, 0.35), rng.uniform(0.65, 0.85), rng.uniform(0.4, 0.65)
    return _flat([(0, 0), (1, 0), (right, height), (left, height)])


def _kite(rng: Generator) -> Figure:
    width, foot = rng.uniform(0.6, 0.8), rng.uniform(0.4, 0.6)
    return _flat([(0, -1.3), (width, 0), (0, foot), (-width, 0)])


def _star(count: int, waist: float) -> Figure:
    return _flat(_turn(np.arange(2 * count) / (2 * count), np.resize([1, waist], 2 * count)))


def _crescent(rng: Generator) -> Figure:
    outer = _turn(np.linspace(-0.3, 0.3, _ROUND))
    chord = outer[0] * (1, 0)
    inner = chord + (outer[::-1] - chord) * (rng.uniform(0.2, 0.6), 1)
    return _flat(np.concatenate([outer, inner]))


def _heart(rng: Generator) -> Figure:
    t = 2 * np.pi * np.arange(_ROUND) / _ROUND
    down = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return _flat(np.stack([16 * np.sin(t) ** 3, -down * rng.uniform(0.9, 1.15)], axis=1))


def _spiral(rng: Generator) -> Figure:
    along = np.linspace(0, 1, 2 * _ROUND)
    return _flat(_turn(along * rng.uniform(1.7, 3.2), 0.08 + 0.92 * along), is_open=True)


def _wave(rng: Generator) -> Figure:
    along = np.linspace(-1, 1, 2 * _ROUND)
    height = rng.uniform(0.2, 0.4) * np.sin(np.pi * along * rng.uniform(1.2, 2.6))
    return _flat(np.stack([along, height], axis=1), is_open=True)


def _frustum(sides: int, height: float, top: float) -> Figure:
    """A solid between a ring of radius 1 and one of radius `top` above it; its faces turn outwards."""
    ring = _ring(sides)
    corners = np.concatenate([np.insert(ring, 2, 0, axis=1), np.insert(ring * top, 2, height, axis=1)])
    walls = [(i, (i + 1) % sides, (i + 1) % sides + sides, i + sides) for i in range(sides)]
    return Figure(corners, (tuple(range(sides))[::-1], tuple(range(sides, 2 * sides)), *walls))


CATALOGUE: Mapping[str, Callable[[Generator], Figure]] = {
    "polygon > triangle > equilateral": lambda _: _flat(_ring(3)),
    "polygon > triangle > right": lambda rng: _flat([(0, 0), (1, 0), (0, rng.uniform(0.6, 1))]),
    "polygon > triangle > obtuse": _obtuse,
    "polygon > quadrilateral > square": lambda _: _flat(_ring(4)),
    "polygon > quadrilateral > rectangle": lambda rng: _flat(_box(rng.uniform(0.4, 0.68))),
    "polygon > quadrilateral > rhombus": lambda rng: _flat(_ring(4) * (1, rng.uniform(0.42, 0.7))),
    "polygon > quadrilateral > parallelogram": lambda rng: _flat(
        _box(rng.uniform(0.5, 0.7)) @ [(1, 0), (rng.uniform(0.3, 0.6), 1)]
    ),
    "polygon > quadrilateral > trapezoid": _trapezoid,
    "polygon > quadrilateral > kite": _kite,
    "polygon > star > pentagram": lambda rng: _star(5, rng.uniform(0.36, 0.5)),
    "polygon > star > hexagram": lambda rng: _star(6, rng.uniform(0.46, 0.6)),
    "polygon > pentagon": lambda _: _flat(_ring(5)),
    "polygon > hexagon": lambda _: _flat(_ring(6)),
    "curve > closed > circle": lambda _: _flat(_ring(_ROUND)),
    "curve > closed > ellipse": lambda rng: _flat(_ring(_ROUND) * (1, rng.uniform(0.42, 0.7))),
    "curve > closed > crescent": _crescent,
    "curve > closed > heart": _heart,
    "curve > open > arc": lambda rng: _flat(_turn(np.linspace(0, rng.uniform(0.3, 0.7), _ROUND)), is_open=True),
    "curve > open > spiral": _spiral,
    "curve > open > wave": _wave,
    "solid > polyhedron > cube": lambda _: _frustum(4, np.sqrt(2), 1),
    "solid > polyhedron > pyramid": lambda rng: _frustum(4, rng.uniform(1.2, 1.7), 0),
    "solid > round > cylinder": lambda rng: _frustum(_ROUND, rng.uniform(1.8, 3.0), 1),
    "solid > round > cone": lambda rng: _frustum(_ROUND, rng.uniform(1.5, 2.2), 0),
}


def render_catalogue(
    folder: Path,
    *,
    per_leaf: Mapping[str, int] = PER_LEAF,
    seed: int = 0,
    size_px: int = SIZE_PX,
    progress: Progress = silent,
) -> Path:
    """Draw every leaf of CATALOGUE so many times a split; returns the path of the labels.csv.

    Images go to folder/images/. Each depends on (seed, path, split, number, size) alone. Raises OSError.
    """
    wanted = [(path, split, n) for path in CATALOGUE for split, count in per_leaf.items() for n in range(count)]
    labels = folder / "labels.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with labels.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("image", "path", "split"))
        for done, (path, split, number) in enumerate(wanted, 1):
            image = Path("images", *path.split(PATH_SEPARATOR), f"{split}-{number:03}.jpg")
            _save(path, _generator(seed, path, split, number), size_px, folder / image)
            rows.writerow((image.as_posix(), path, split))
            progress("draw", done, len(wanted), path)
    return labels


def draw_figure(path: str, rng: Generator, size_px: int, difficulty: float) -> Image.Image:
    """A picture of one leaf, RGB; difficulty lies in [0, 1] and scales tilt, clutter, haze, blur and noise."""
    side_px = size_px * _OVERSAMPLE
    paper, ink = _colors(rng, 1 - 0.6 * difficulty)
    image = _paper(rng, paper, side_px, difficulty)
    _scatter(image, rng, ink, round(rng.uniform(0, 4)))
    _draw(image, CATALOGUE[path](rng), rng, ink, difficulty)
    _scatter(image, rng, paper, round(rng.uniform(0, 3 * difficulty)))
    small = image.reduce(_OVERSAMPLE).filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.018) * size_px * difficulty))
    noise = rng.normal(0, rng.uniform(0, 20) * difficulty, (size_px, size_px, 3))
    return Image.fromarray(_pixels(np.asarray(small) + noise))


def _save(path: str, rng: Generator, size_px: int, target: Path) -> None:
    difficulty = float(rng.beta(1.2, 2.4))
    target.parent.mkdir(parents=True, exist_ok=True)
    quality = round(92 - 50 * difficulty * rng.uniform())
    draw_figure(path, rng, size_px, difficulty).save(target, "JPEG", quality=quality)


def _generator(*key: object) -> Generator:
    return np.random.default_rng(int.from_bytes(sha256(repr(key).encode()).digest()))


def _colors(rng: Generator, contrast: float) -> tuple[Color, Color]:
    """A pale or dark paper, and an ink of another hue that stands out by the contrast, in (0, 1]."""
    hue, other_hue = rng.uniform() + np.array([0, rng.uniform(0.2, 0.8)])
    paper_light, ink_light = ((0.14, 0.26), (0.6, 0.75)) if rng.integers(3) == 0 else ((0.78, 0.93), (0.25, 0.48))
    paper = np.array(colorsys.hls_to_rgb(hue, rng.uniform(*paper_light), rng.uniform(0.1, 0.5)))
    ink = np.array(colorsys.hls_to_rgb(other_hue, rng.uniform(*ink_light), rng.uniform(0.5, 0.9)))
    return _color(paper), _color(paper + (ink - paper) * contrast)


def _color(values: ArrayLike) -> Color:
    red, green, blue = (np.clip(values, 0, 1) * 255).astype(int).tolist()
    return red, green, blue


def _shaded(color: Color, shade: float) -> Color:
    return _color(np.array(color) / 255 * shade)


def _paper(rng: Generator, color: Color, side_px: int, difficulty: float) -> Image.Image:
    """A slope of light with soft patches."""
    along = np.linspace(-1, 1, _PATCHES)
    slope = np.add.outer(along * rng.uniform(-25, 25), along * rng.uniform(-25, 25))
    patches = rng.normal(0, 4 + 10 * difficulty, slope.shape)
    tint = rng.normal(0, 3, (*slope.shape, 3))
    pixels = _pixels(np.array(color) + (slope + patches)[..., None] + tint)
    return Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BICUBIC)


def _scatter(image: Image.Image, rng: Generator, color: Color, count: int) -> None:
    """Short strokes and blobs anywhere."""
    draw = ImageDraw.Draw(image)
    for x, y, angle, size in rng.uniform(0, 1, (count, 4)):
        centre, reach = np.array([x, y]) * image.width, _turn(angle, (0.05 + 0.15 * size) * image.width)
        if rng.integers(2):
            draw.line(
                [tuple(centre - reach), tuple(centre + reach)], color, round(image.width * rng.uniform(0.006, 0.02))
            )
        else:
            draw.circle(tuple(centre), (0.01 + 0.025 * size) * image.width, color)


def _draw(image: Image.Image, figure: Figure, rng: Generator, ink: Color, difficulty: float) -> None:
    corners = _posed(figure, rng, difficulty)
    placed = _placed(corners[:, :2], rng, image.width)
    if figure.faces:
        _draw_solid(image, figure, corners, placed, ink)
    else:
        _draw_flat(image, placed, rng, ink, is_open=figure.is_open)


def _posed(figure: Figure, rng: Generator, difficulty: float) -> Points:
    """The corners seen by a camera (K, 3): a solid from above, a flat figure tilted away from us."""
    centred = figure.corners - (figure.corners.min(axis=0) + figure.corners.max(axis=0)) / 2
    unit = centred / np.linalg.norm(centred, axis=1).max()
    tilt = rng.uniform(0.13, 0.2) if figure.faces else rng.uniform(0, 0.14) * difficulty
    roll = rng.normal(0, 0.06) if figure.faces else rng.uniform()
    turned: Points = unit @ _rotation(rng.uniform(), 0, 1) @ _rotation(tilt, 1, 2) @ _rotation(roll, 0, 1)
    turned[:, :2] *= _CAMERA_DISTANCE / (_CAMERA_DISTANCE - turned[:, 2:])
    return turned


def _rotation(turns: float, first: int, second: int) -> Points:
    """(3, 3): rows times it turn from the first axis to the second."""
    matrix = np.eye(3)
    cosine, sine = _turn(turns)
    matrix[np.ix_((first, second), (first, second))] = [(cosine, sine), (-sine, cosine)]
    return matrix


def _placed(points: Points, rng: Generator, side_px: int) -> Points:
    """Points scaled to a good part of the picture and moved about within it (K, 2), in pixels."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = rng.uniform(0.6, 0.85) * side_px / (high - low).max()
    room = side_px - (high - low) * scale
    placed: Points = (points - low) * scale + room * rng.uniform(0.15, 0.85, 2)
    return placed


def _draw_solid(image: Image.Image, figure: Figure, corners: Points, placed: Points, ink: Color) -> None:
    draw = ImageDraw.Draw(image)
    for face in figure.faces:
        a, b, c = corners[list(face[:3])]
        normal = np.cross(b - a, c - b)
        if normal[2] > 0:
            shade = 0.5 + 0.75 * max(0.0, float(normal @ _LIGHT / np.linalg.norm(normal)))
            draw.polygon([tuple(placed[i]) for i in face], _shaded(ink, shade))


def _draw_flat(image: Image.Image, points: Points, rng: Generator, ink: Color, *, is_open: bool) -> None:
    draw = ImageDraw.Draw(image)
    style = rng.choice(_STYLES[-3:] if is_open else _STYLES)
    if style in {"filled", "edged"}:
        draw.polygon([tuple(point) for point in points], ink)
    width = round(rng.uniform(0.022, 0.042) * image.width)
    line = points if is_open else np.concatenate([points, points[:2]])
    for stroke in {"filled": [], "dashed": _dashes(line, 2.2 * width)}.get(style, [line]):
        draw.line([tuple(point) for point in stroke], _shaded(ink, 0.8), width, joint="curve")


def _dashes(points: Points, length: float) -> Iterator[Points]:
    """Yield every other stretch of that length along a line."""
    lengths = np.insert(np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum(), 0, 0)
    for start in np.arange(0, lengths[-1], 2 * length):
        at = np.linspace(start, min(start + length, lengths[-1]), 8)
        yield np.stack([np.interp(at, lengths, axis) for axis in points.T], axis=1)


def _pixels(values: Points) -> NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)
