"""What a replay found, as JSON has it and as a page with a picture of what flows where."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from worker.policies.replay import Flip, Outcome, Replay

_WIDTH, _HEIGHT, _BAR, _GAP = 640.0, 360.0, 14.0, 10.0
_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac")


def replay_dict(found: Replay) -> dict[str, Any]:
    """`{jobs, flips, by_rule, by_queue, by_action, days, reviews_per_day, sample}`."""
    return {
        "jobs": found.jobs,
        "flips": found.flips,
        "by_rule": _pairs(found.rules),
        "by_queue": _pairs(found.places),
        "by_action": _pairs(found.actions),
        "days": round(found.days, 3),
        "reviews_per_day": {when: round(found.reviews[when] / found.days, 3) for when in ("before", "after")},
        "sample": [_flip(flip) for _, flip in found.sample],
    }


def replay_page(found: Replay, before: str, after: str) -> str:
    """A page of HTML in itself, without scripts and addresses."""
    environment = Environment(loader=PackageLoader("worker.policies"), autoescape=select_autoescape(("html", "j2")))
    page = environment.get_template("replay.html.j2")
    return page.render(
        before=before,
        after=after,
        found=replay_dict(found),
        bands=_bands(found.places),
        width=_WIDTH,
        height=_HEIGHT,
        bar=_BAR,
    )


def _pairs(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """The largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"before": before, "after": after, "jobs": jobs} for (before, after), jobs in ordered]


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "job": flip.job_id,
        "name": flip.asset,
        "tenant": flip.tenant,
        "before": {"rule": flip.rules[0], **_outcome(flip.before)},
        "after": {"rule": flip.rules[1], **_outcome(flip.after)},
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {**outcome._asdict(), "tags": list(outcome.tags)}


@dataclass(frozen=True, slots=True)
class _Band:
    """What flows from a place on the left to one on the right: its edges, in pixels from the top."""

    before: str
    after: str
    jobs: int
    left: float
    right: float
    thickness: float
    colour: str


def _bands(places: Counter[tuple[str, str]]) -> dict[str, Any]:
    """The flow picture: a bar for each place on either side, as high as its jobs are many, and a band for each pair."""
    total = sum(places.values()) or 1
    names = [sorted({pair[side] for pair in places}) for side in (0, 1)]
    room = _HEIGHT - _GAP * max(len(names[0]), len(names[1]), 1)
    unit = room / total
    tops: list[dict[str, float]] = [{}, {}]
    bars: list[list[dict[str, Any]]] = [[], []]
    for side in (0, 1):
        top = 0.0
        for name in names[side]:
            jobs = sum(count for pair, count in places.items() if pair[side] == name)
            tops[side][name] = top
            bars[side].append({"name": name, "jobs": jobs, "top": top, "height": max(1.0, jobs * unit)})
            top += jobs * unit + _GAP
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names[0])}
    bands = []
    for (before, after), jobs in sorted(places.items()):
        thickness = jobs * unit
        bands.append(_Band(before, after, jobs, tops[0][before], tops[1][after], thickness, colours[before]))
        tops[0][before] += thickness
        tops[1][after] += thickness
    return {"left": bars[0], "right": bars[1], "bands": bands}
