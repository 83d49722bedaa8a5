"""The pictures, drawn with matplotlib: dark on white, in colours that colour-blind people can tell apart.

matplotlib is imported when a picture is drawn. Names of nodes are drawn as they are, never as mathematical text.
"""

import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from classifier.report.curves import TARGETS, Coverage, NamedCurve, Reliability
from classifier.report.mistakes import Mistake
from classifier.report.nodes import AccuracyBySize
from taxonomy.arrays import Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color universal design", 2008; every line has a dash or a marker of its own besides.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
_INK, _SOFT, _FAINT = "#222222", "#595959", "#8a8a8a"
_DPI = 130
_SHEET_DPI = 100
_PANELS_A_ROW = 4
_SHEET_COLUMNS = 6
_NAME_LENGTH = 26
_STYLE: dict[Any, Any] = {
    "font.size": 10, "axes.edgecolor": _FAINT, "axes.labelcolor": _INK, "text.color": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#e4e4e4", "legend.frameon": False, "figure.facecolor": "white", "text.parse_math": False,
}  # fmt: skip


def operating_png(curves: Sequence[NamedCurve]) -> bytes:
    """Share correct against information kept, one line for each curve."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for number, named in enumerate(curves):
            curve = named.curve
            label = f"{named.name}  (AP {curve.ap:.3f}, AC {curve.ac:.3f})"
            axes.plot(curve.recall, curve.correct, color=_colour(number), ls=_dash(number), lw=2, label=label)
        _target_lines(axes)
        lowest = min(float(named.curve.correct.min()) for named in curves)
        axes.set(xlabel="information kept", ylabel="share of images answered rightly, or not at all", xlim=(0, 1))
        axes.set_ylim(_floor(lowest), 1.005)
        figure.legend(loc="outside upper left")

    return _png(draw, (7.2, 4.6))


def coverage_png(coverages: Sequence[Coverage]) -> bytes:
    """Share right among the answers given, against the share of answers given; one line for each level."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for number, coverage in enumerate(coverages):
            skip = min(len(coverage.correct) - 1, 10)  # the share right among a handful of answers is noise
            style: dict[str, Any] = {"color": _colour(number), "ls": _dash(number), "lw": 2, "label": coverage.name}
            axes.plot(coverage.answered[skip:], coverage.correct[skip:], **style)
        _target_lines(axes)
        lowest = min(float(coverage.correct[-1]) for coverage in coverages)
        axes.set(xlabel="share of answers given, surest first", ylabel="share right among them", xlim=(0, 1))
        axes.set_ylim(_floor(lowest), 1.005)
        figure.legend(loc="outside upper left", ncols=min(4, len(coverages)))

    return _png(draw, (7.2, 4.6))


def reliability_png(levels: Sequence[Reliability]) -> bytes:
    """Share right against confidence, in bins of equal mass with 95 % intervals; one panel for each level."""
    columns = min(_PANELS_A_ROW, len(levels))
    rows = -(-len(levels) // columns)

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes in panels[len(levels) :]:
            axes.set_visible(False)
        for axes, level in zip(panels, levels, strict=False):
            spread = np.stack([level.accuracy - level.low, level.high - level.accuracy]).clip(0)
            axes.plot([0, 1], [0, 1], color=_FAINT, lw=1, ls="--")
            axes.errorbar(level.confidence, level.accuracy, spread, color=_colour(0), marker="o", ms=4.5, lw=1.2)
            axes.set_title(f"level {level.level}", loc="left", fontsize=11)
            axes.text(0.03, 0.93, f"{level.counts.sum()} answers\n{_bins(level.counts)}", va="top", fontsize=8.5)
            axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", box_aspect=1)
        for axes in panels[::columns]:
            axes.set_ylabel("share right")

    return _png(draw, (2.6 * columns + 0.6, 2.95 * rows + 0.2))


def imbalance_png(by_level: Sequence[tuple[int, Ints]], what: str, sizes: AccuracyBySize | None) -> bytes:
    """Images per node of each level, most first; and the recall of terminals by their training images, if known."""

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, 1 if sizes is None else 2, squeeze=False).ravel()
        for number, (level, counts) in enumerate(by_level):
            share = (np.arange(len(counts)) + 0.5) / len(counts)
            marker = "o" if len(counts) <= 12 else None  # noqa: PLR2004 (few enough to be told apart)
            style: dict[str, Any] = {"color": _colour(number), "ls": _dash(number), "marker": marker, "ms": 4}
            panels[0].plot(share, np.sort(counts)[::-1], lw=1.8, label=f"level {level} ({len(counts)})", **style)
        _count_axis(panels[0], "y")
        panels[0].set(xlabel="nodes of the level, fullest first (share)", ylabel=f"{what} images", xlim=(0, 1))
        panels[0].set_ylim(bottom=0)
        panels[0].legend(title="level (nodes)", loc="best", fontsize=9)
        if sizes is not None:
            _draw_sizes(panels[1], sizes)

    return _png(draw, (5.0 if sizes is None else 9.6, 3.9))


def mistakes_png(mistakes: Sequence[Mistake], name_of: Callable[[int], str]) -> bytes:
    """A contact sheet: each image above its truth, the answer and the confidence."""
    columns = min(_SHEET_COLUMNS, len(mistakes))
    rows = -(-len(mistakes) // columns)

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        for number, (axes, mistake) in enumerate(zip(panels, mistakes, strict=False), 1):
            if mistake.thumbnail is not None:
                axes.imshow(mistake.thumbnail)
            said, truth = _short(name_of(mistake.answered)), _short(name_of(mistake.truth))
            axes.set_title(
                f"{number}  {mistake.confidence:.3f}\nsaid {said}\ntruth {truth}",
                fontsize=8, loc="left", parse_math=False,
            )  # fmt: skip

    return _png(draw, (1.95 * columns + 0.2, 2.45 * rows + 0.2), _SHEET_DPI)


def _draw_sizes(axes: "Axes", sizes: AccuracyBySize) -> None:
    axes.plot(sizes.train_images, sizes.recall, color=_colour(1), marker="s", ms=5, lw=1.5)
    for x, y, images in zip(sizes.train_images, sizes.recall, sizes.images, strict=True):
        axes.annotate(str(images), (x, y), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
    if sizes.train_images.max() > 20 * max(1.0, sizes.train_images.min()):
        _count_axis(axes, "x")
    axes.set(xlabel="training images per terminal", ylabel="mean recall of the group", ylim=(0, 1.08))


def _count_axis(axes: "Axes", which: Literal["x", "y"]) -> None:
    """Counts on a scale of 0, 1, 10, 100, ... with plain numbers."""
    (axes.set_xscale if which == "x" else axes.set_yscale)("symlog", linthresh=1)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda count, _place: f"{count:,.0f}")


def _target_lines(axes: "Axes") -> None:
    for target in TARGETS:
        axes.axhline(target, color=_FAINT, lw=0.8, ls=":", zorder=0)
        axes.text(1.005, target, f"{target:.0%}", va="center", fontsize=8, color=_SOFT)


def _floor(lowest: float) -> float:
    """Where the axis of a share begins: a little below the lowest line, with all targets visible."""
    return max(0.0, min(lowest, TARGETS[0]) - 0.04)


def _bins(counts: Ints) -> str:
    least, most = int(counts.min()), int(counts.max())
    return f"{len(counts)} bins of {least if least == most else f'{least}-{most}'}"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _dash(number: int) -> str | tuple[int, tuple[int, ...]]:
    return _DASHES[number % len(_DASHES)]


def _png(draw: Callable[["Figure"], None], inches: tuple[float, float], dpi: int = _DPI) -> bytes:
    from matplotlib import rc_context  # noqa: PLC0415 (half a second that only a report needs)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    stream = BytesIO()
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # names in a script DejaVu lacks
        figure = Figure(figsize=inches, dpi=dpi, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
