"""The page: self-contained HTML, with every name escaped."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from classifier.bundles.metrics import Metrics
from classifier.report.confusion import ABOVE_ROOTS, STAYS, WrongTurns
from classifier.report.curves import TARGETS, Coverage, NamedCurve, Reliability
from classifier.report.mistakes import Mistake, jpeg_uri
from classifier.report.nodes import LevelSpread, NodeScore
from taxonomy import Hierarchy
from taxonomy.arrays import Ints

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured, in the words of the page's head."""

    model: str
    bundle: str
    release: str
    labels: str
    split: str


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the page shows; every sequence is bounded by whoever found it."""

    subject: Subject
    hierarchy: Hierarchy
    metrics: Metrics
    curves: Sequence[NamedCurve]
    coverages: Sequence[Coverage]
    reliability: Sequence[Reliability]
    roots: tuple[Sequence[int], Ints] | None
    turns: Sequence[WrongTurns]
    turn_parents: int  # nodes with a wrong turn, shown or not
    worst: Sequence[NodeScore]
    mistakes: Sequence[Mistake]
    mistake_count: int
    half_labelled: int
    test_spreads: Sequence[LevelSpread]
    train_spreads: Sequence[LevelSpread]  # empty when the labels have no train split


@dataclass(frozen=True, slots=True)
class Names:
    """What nodes are called on the page."""

    hierarchy: Hierarchy

    def name(self, node: int) -> str:
        """The name of a node; of STAYS, what it means."""
        return "(stays here)" if node == STAYS else self.hierarchy.names[node]

    def path(self, node: int) -> str:
        """The names from a root to the node; of ABOVE_ROOTS, what it means."""
        return "At the roots" if node == ABOVE_ROOTS else self.hierarchy.path_text(node)


def render(findings: Findings, pictures: Mapping[str, bytes]) -> str:
    """One HTML page; `pictures` holds PNGs by file name. It loads nothing and runs nothing."""
    return _template().render(
        found=findings,
        names=Names(findings.hierarchy),
        pictures={name.removesuffix(".png"): _png_uri(content) for name, content in pictures.items()},
        targets=TARGETS,
        thumbnail=jpeg_uri,
    )


def _png_uri(content: bytes) -> str:
    return f"data:image/png;base64,{b64encode(content).decode('ascii')}"


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (only a report needs it)

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = _percent
    environment.filters["count"] = _count
    environment.filters["shade"] = _shade
    return environment.from_string(files("classifier.report").joinpath("page.html.j2").read_text(encoding="utf-8"))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _count(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def _shade(share: float) -> str:
    """A background whose strength is a share in [0, 1], light enough for dark text on it."""
    return f"rgba(0, 114, 178, {0.55 * min(1.0, max(0.0, share)):.2f})"
