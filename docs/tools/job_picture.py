"""The life of a job: the database at the left, what happens at the right, top to bottom."""

from typing import NamedTuple

from drawing import Drawing, Palette

_DATABASE_PX = 168
_X, _WIDTH = 244, 316
_GAP = 26


class _Step(NamedTuple):
    title: str
    says: tuple[str, ...]
    row: str  # what the database holds of it, or nothing
    writes: bool = True
    reads: bool = False


_STEPS = (
    _Step("submit", ("one transaction, then it returns",), "asset, job, outbox"),
    _Step("relay", ("who is next: priority,", "share of the queue, tenant"), "outbox", writes=False, reads=True),
    _Step("broker", ("job ids and nothing else;", "may forget everything"), "", writes=False),
    _Step(
        "worker: claim", ("a lease, and an attempt number", "that is never used twice"), "lease, attempt", reads=True
    ),
    _Step("fetch, decode, predict", ("side by side, in threads",), "", writes=False),
    _Step("store", ("one transaction, refused when", "another attempt has the job"), "labels, decision"),
    _Step("reaper", ("a lease ended, a message lost:", "queued again; or dead at last"), "job, outbox", reads=True),
)


def draw_job(palette: Palette) -> Drawing:
    """The picture."""
    heights = [42 + 22 * len(step.says) for step in _STEPS]
    total = sum(heights) + _GAP * (len(_STEPS) - 1)
    drawing = Drawing(560, total, "The life of a job", palette)
    drawing.box(0, 0, _DATABASE_PX, total, fill=palette.good_card)
    drawing.text(_DATABASE_PX / 2, total / 2 - 60, "database", size=20, bold=True, fill=palette.good, at="middle")
    y = 0.0
    for number, (step, height) in enumerate(zip(_STEPS, heights, strict=True)):
        _draw_step(drawing, step, y, height)
        if number + 2 < len(_STEPS):
            drawing.arrow((_X + _WIDTH / 2, y + height + 2), (_X + _WIDTH / 2, y + height + _GAP - 2))
        y += height + _GAP
    return drawing


def _draw_step(drawing: Drawing, step: _Step, y: float, height: float) -> None:
    palette = drawing.palette
    drawing.box(_X, y, _WIDTH, height, edge=palette.line)
    drawing.text(_X + 16, y + 28, step.title, size=19, bold=True)
    for number, line in enumerate(step.says):
        drawing.text(_X + 16, y + 52 + 22 * number, line, size=17, fill=palette.quiet)
    if not step.row:
        return
    middle = y + height / 2
    drawing.text(_DATABASE_PX / 2, middle + 6, step.row, size=16, at="middle")
    apart = 7 if step.reads and step.writes else 0
    if step.reads:
        drawing.arrow((_DATABASE_PX + 3, middle - apart), (_X - 3, middle - apart), color=palette.good)
    if step.writes:
        drawing.arrow((_X - 3, middle + apart), (_DATABASE_PX + 3, middle + apart), color=palette.good)
