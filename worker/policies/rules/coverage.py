"""Which rules take all that a later one would: by intervals of confidence and by subtrees, over the structured part."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.policies.rules.document import If, Rule, parse_hours
from worker.policies.rules.nodes import PolicyNodes

_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Reach:
    """A rule's structured part with node ids; None: nothing is asked."""

    if_: If
    when: str | None
    under: frozenset[str] | None
    any: frozenset[str] | None
    all: frozenset[str]
    none: frozenset[str]
    minutes: frozenset[int] | None

    @classmethod
    def of(cls, rule: Rule, nodes: PolicyNodes | None) -> "Reach":
        """Of a rule whose nodes are all known; without nodes, texts are compared as they are."""

        def ids(texts: Sequence[str] | None) -> frozenset[str]:
            return frozenset(texts or () if nodes is None else nodes.find_all(texts or ()))

        if_, labels = rule.if_, rule.if_.labels
        return cls(
            if_,
            rule.when,
            None if if_.under is None else ids(if_.under),
            None if labels is None or labels.any is None else ids(labels.any),
            ids(None if labels is None else labels.all),
            ids(None if labels is None else labels.none),
            None if if_.between is None else _minutes(if_.between),
        )

    @property
    def needs_best_path(self) -> bool:
        """Whether a node that it names must be on the best path."""
        bounded = self.if_.max_confidence is not None or self.if_.max_margin is not None
        return bounded and self.if_.level is None and self.under is not None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidences that it takes, [low, high); None where it asks what is decided."""
        if_ = self.if_
        if (if_.min_confidence, if_.max_confidence, if_.max_margin) == (None, None, None):
            return None
        return if_.min_confidence or 0.0, 2.0 if if_.max_confidence is None else if_.max_confidence


def covers(earlier: Sequence[Reach], later: Reach, nodes: PolicyNodes | None) -> list[int]:
    """The places of earlier rules that together take all that a later one would; empty where none do.

    One rule that does is found first; then rules that differ from the later one in nothing but their confidences, whose
    intervals together hold its own.
    """
    for place, each in enumerate(earlier):
        if _takes_rest(each, later, nodes) and _takes_confidence(each, later, nodes):
            return [place]
    alike = [place for place, each in enumerate(earlier) if _same_look(each, later) and _takes_rest(each, later, nodes)]
    return _together([(earlier[place].interval, place) for place in alike], later.interval)


def _takes_rest(first: Reach, later: Reach, nodes: PolicyNodes | None) -> bool:
    """Whether all but what the asset is, and how surely, is taken."""
    a, b = first.if_, later.if_
    return (
        (first.when is None or first.when == later.when)
        and (a.tenant is None or (b.tenant is not None and set(b.tenant) <= set(a.tenant)))
        and (a.hash_list is None or (b.hash_list is not None and set(b.hash_list) <= set(a.hash_list)))
        and (a.unlike is None or a.unlike == b.unlike)
        and (first.minutes is None or (later.minutes is not None and later.minutes <= first.minutes))
        and (first.any is None or (later.any is not None and _all_below(later.any, first.any, nodes)))
        and first.all <= _with_above(later.all, nodes)
        and all(not _above(node, nodes).isdisjoint(later.none) for node in first.none)
    )


def _takes_confidence(first: Reach, later: Reach, nodes: PolicyNodes | None) -> bool:
    """Whether an asset that fulfils what the later one says of nodes, levels and confidences fulfils the first's."""
    mine, its = first.interval, later.interval
    if first.under is None and first.if_.level is None and mine is None:
        return True
    if mine is None or its is None:
        return mine is its and _takes_decided(first, later, nodes)
    return first.if_.level == later.if_.level and _margin_fits(first, later) and _takes_interval(first, later, nodes)


def _is_looser(first: Reach, later: Reach) -> bool:
    """Whether the first asks for the best path only where the later one does too."""
    return later.needs_best_path or not first.needs_best_path


def _takes_interval(first: Reach, later: Reach, nodes: PolicyNodes | None) -> bool:
    """Both ask for a confidence: of the same node, or the first one's stands above and needs no more.

    What lies under a node lies under the nodes above it, which are at least as probable.
    """
    mine, its = first.interval, later.interval
    if not _is_looser(first, later):
        return False
    if mine is not None and its is not None and first.under == later.under:
        return mine[0] <= its[0] and its[1] <= mine[1]
    is_one_sided = first.if_.max_confidence is None and first.if_.max_margin is None
    if first.under is None or later.under is None or not is_one_sided:
        return False
    floor = later.if_.min_confidence
    return mine is not None and floor is not None and mine[0] <= floor and _all_below(later.under, first.under, nodes)


def _takes_decided(first: Reach, later: Reach, nodes: PolicyNodes | None) -> bool:
    """Both ask what is decided: below nodes, or at least so deep; of both at once nothing is concluded."""
    a, b = first.if_.level, later.if_.level
    if a == b:
        return first.under is None or (later.under is not None and _all_below(later.under, first.under, nodes))
    return first.under is None and later.under is None and a is not None and b is not None and b >= a


def _same_look(first: Reach, later: Reach) -> bool:
    """Whether both look at the same confidence."""
    same = (first.under, first.if_.level) == (later.under, later.if_.level)
    same = same and _is_looser(first, later)
    return same and first.interval is not None and later.interval is not None and _margin_fits(first, later)


def _margin_fits(first: Reach, later: Reach) -> bool:
    mine, its = first.if_.max_margin, later.if_.max_margin
    return mine is None or (its is not None and its <= mine)


def _together(parts: Sequence[tuple[tuple[float, float] | None, int]], whole: tuple[float, float] | None) -> list[int]:
    """The places of intervals that cover the whole one after the other; empty where a gap is left."""
    if whole is None:
        return []
    reached, used = whole[0], list[int]()
    for interval, place in sorted((interval, place) for interval, place in parts if interval is not None):
        if interval[0] <= reached < interval[1]:
            reached = interval[1]
            used.append(place)
    return used if reached >= whole[1] else []


def _minutes(text: str) -> frozenset[int]:
    hours = parse_hours(text)
    start, end = (each.hour * 60 + each.minute for each in hours)
    return frozenset(range(start, end) if start < end else (*range(start, _MINUTES), *range(end)))


def _above(node: str, nodes: PolicyNodes | None) -> frozenset[str]:
    return frozenset((node,)) if nodes is None else nodes.above(node)


def _with_above(found: frozenset[str], nodes: PolicyNodes | None) -> frozenset[str]:
    return frozenset().union(*(_above(node, nodes) for node in found))


def _all_below(later: frozenset[str], first: frozenset[str], nodes: PolicyNodes | None) -> bool:
    return all(not _above(node, nodes).isdisjoint(first) for node in later)
