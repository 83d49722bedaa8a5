"""Draw docs/pictures/*.svg: `python docs/tools/pictures.py`.

path: docs/pictures/path.json, what `make demo` printed of docs/pictures/figure.jpg.
layers: the import contracts of pyproject.toml.
"""

import base64
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drawing import DARK, LIGHT, Drawing, Palette
from job_picture import draw_job

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"

_IMAGE_PX = 150
_CHIPS_END_X = 544
_BARS_X, _BARS_PX, _ROW_PX, _TOP = 184, 376, 62, 46


def draw_path(palette: Palette) -> Drawing:
    """An image, its best path with confidences, and where the answer stops."""
    prediction = json.loads((FOLDER / "path.json").read_text(encoding="utf-8"))
    levels, decision = prediction["levels"], prediction["decision"]
    threshold = float(decision["threshold"])
    drawing = Drawing(560, 318, "An image becomes a path with confidences, and the answer stops", palette)
    _draw_image(drawing, f"a {prediction['truth']}")
    line_x = _BARS_X + _BARS_PX * threshold
    for number, label in enumerate(levels):
        _draw_level(drawing, label, _TOP + _ROW_PX * number, trusted=label["level"] <= decision["level"])
    drawing.line([(line_x, 28), (line_x, _TOP + _ROW_PX * len(levels) - 22)], color=palette.stop, dash="5 4")
    drawing.text(line_x, 18, f"threshold {threshold:.2f}", size=17, fill=palette.stop, at="middle")
    stopped = levels[decision["level"]]
    drawing.box(0, 246, 560, 72, fill=palette.good_card)
    drawing.text(18, 275, "Answer: " + " > ".join(decision["path"]), size=20, fill=palette.good, bold=True)
    why = f"It stops there: {stopped['name']} has {stopped['confidence']:.2f}, below {threshold:.2f}."
    drawing.text(18, 302, why, size=18)
    return drawing


def _draw_image(drawing: Drawing, caption: str) -> None:
    content = base64.b64encode((FOLDER / "figure.jpg").read_bytes()).decode()
    clip = f'<clipPath id="round"><rect y="34" width="{_IMAGE_PX}" height="{_IMAGE_PX}" rx="12"/></clipPath>'
    size = f'y="34" width="{_IMAGE_PX}" height="{_IMAGE_PX}" clip-path="url(#round)"'
    drawing.add(f'{clip}<image {size} href="data:image/jpeg;base64,{content}"/>')
    drawing.text(_IMAGE_PX / 2, 212, caption, size=18, fill=drawing.palette.quiet, at="middle")


def _draw_level(drawing: Drawing, label: dict[str, Any], y: float, *, trusted: bool) -> None:
    palette = drawing.palette
    color = palette.good if trusted else palette.stop
    drawing.text(_BARS_X, y + 14, label["name"], size=20, bold=trusted, fill=palette.ink if trusted else palette.quiet)
    drawing.text(560, y + 14, f"{label['confidence']:.2f}", size=20, fill=color, bold=True, at="end")
    drawing.box(_BARS_X, y + 23, _BARS_PX, 13)
    drawing.add(_bar(y + 23, _BARS_PX * label["confidence"], color, trusted=trusted))


def _bar(y: float, width: float, color: str, *, trusted: bool) -> str:
    opacity = 1 if trusted else 0.55
    return (
        f'<rect x="{_BARS_X}" y="{y:g}" width="{width:.1f}" height="13" rx="6.5" fill="{color}" opacity="{opacity}"/>'
    )


def draw_layers(palette: Palette) -> Drawing:
    """The folders of each package, in the order in which they may import."""
    packages = _layers()
    heights = [44 + 40 * len(_rows(names)) for names in packages.values()]
    drawing = Drawing(560, sum(heights) + 34 * (len(heights) - 1), "Folders by layer", palette)
    y = 0.0
    for (package, names), height in zip(packages.items(), heights, strict=True):
        drawing.box(0, y, 560, height, edge=palette.line)
        drawing.text(16, y + 27, package, size=20, bold=True, fill=palette.good)
        drawing.text(544, y + 27, "imports only what follows", size=16, fill=palette.quiet, at="end")
        for row, chips in enumerate(_rows(names)):
            for x, width, name in chips:
                drawing.box(x, y + 40 + 40 * row, width, 32, fill=palette.good_card)
                drawing.text(x + width / 2, y + 62 + 40 * row, name, size=17, at="middle")
        y += height
        if y < drawing.height_px:
            drawing.arrow((280, y + 3), (280, y + 31))
            drawing.text(294, y + 23, "imports", size=16, fill=palette.quiet)
            y += 34
    return drawing


def _layers() -> dict[str, list[str]]:
    """Package -> its folders, from the one that imports most; from the contracts that CI checks."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [found for found in project["tool"]["importlinter"]["contracts"] if found["type"] == "layers"]
    inside = {found["containers"][0]: found["layers"] for found in contracts if "containers" in found}
    (order,) = (found["layers"] for found in contracts if "containers" not in found)
    return {package: [name for layer in inside[package] for name in layer.split(" : ")] for package in order}


def _rows(names: list[str]) -> list[list[tuple[float, float, str]]]:
    """Chips as (x, width, name), row by row."""
    rows: list[list[tuple[float, float, str]]] = [[]]
    x = 16.0
    for name in names:
        width = 24 + 9.6 * len(name)
        if x + width > _CHIPS_END_X:
            rows.append([])
            x = 16.0
        rows[-1].append((x, width, name))
        x += width + 8
    return rows


PICTURES: dict[str, Callable[[Palette], Drawing]] = {"path": draw_path, "job": draw_job, "layers": draw_layers}


def pictures() -> dict[str, str]:
    """The SVG text of every file, by its name."""
    return {
        f"{name}-{palette.name}.svg": draw(palette).svg()
        for name, draw in PICTURES.items()
        for palette in (LIGHT, DARK)
    }


if __name__ == "__main__":
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
