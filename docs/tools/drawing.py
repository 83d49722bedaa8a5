"""SVG by hand: a few shapes, in two palettes, for pages in light and in dark."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_FONTS = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', Helvetica, Arial, sans-serif"
_ARROW_PX = 9


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by what they mean."""

    name: str
    ink: str
    quiet: str
    line: str
    card: str
    good: str
    good_card: str
    stop: str


LIGHT = Palette("light", "#1b2430", "#5b6675", "#9aa5b1", "#eef1f5", "#0b7a75", "#dff3f0", "#b3560a")
DARK = Palette("dark", "#e6eaf0", "#a3adba", "#6b7686", "#252c37", "#3fd0c4", "#123c3b", "#f3b04c")


@dataclass(slots=True)
class Drawing:
    """Shapes in the order in which they are painted; all lengths in pixels of the viewBox."""

    width_px: int
    height_px: int
    title: str
    palette: Palette
    _parts: list[str] = field(default_factory=list)

    def add(self, markup: str) -> None:
        """Paint any SVG."""
        self._parts.append(markup)

    def text(
        self, x: float, y: float, content: str, *, size: int = 18, fill: str = "", bold: bool = False, at: str = "start"
    ) -> None:
        """One line of text on the baseline y; `at` is start, middle or end."""
        weight = ' font-weight="650"' if bold else ""
        place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{at}"'
        self.add(f'<text {place} fill="{fill or self.palette.ink}"{weight}>{escape(content)}</text>')

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = "", edge: str = "none") -> None:
        """A rectangle with round corners."""
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="9"'
        self.add(f'<rect {place} fill="{fill or self.palette.card}" stroke="{edge}" stroke-width="1.5"/>')

    def line(self, points: Iterable[tuple[float, float]], *, color: str = "", dash: str = "", width: float = 2) -> None:
        """A line through points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        stroke = f'stroke="{color or self.palette.line}" stroke-width="{width:g}"'
        self.add(f'<polyline points="{path}" fill="none" {stroke}{dashes} stroke-linejoin="round"/>')

    def arrow(self, start: tuple[float, float], end: tuple[float, float], *, color: str = "") -> None:
        """A straight arrow along an axis."""
        (x0, y0), (x1, y1) = start, end
        along_x, along_y = _sign(x1 - x0), _sign(y1 - y0)
        foot_x, foot_y = x1 - _ARROW_PX * along_x, y1 - _ARROW_PX * along_y
        self.line([start, (foot_x, foot_y)], color=color)
        side_x, side_y = 5 * along_y, 5 * along_x
        corners = [(x1, y1), (foot_x + side_x, foot_y + side_y), (foot_x - side_x, foot_y - side_y)]
        path = " ".join(f"{x:g},{y:g}" for x, y in corners)
        self.add(f'<polygon points="{path}" fill="{color or self.palette.line}"/>')

    def svg(self) -> str:
        """The whole file."""
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {self.width_px + 2} {self.height_px + 2}"'
        size = f'width="{self.width_px}" height="{self.height_px}" role="img" font-family="{_FONTS}"'
        body = "\n".join(self._parts)
        return f"{head} {size}>\n<title>{escape(self.title)}</title>\n{body}\n</svg>\n"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
