"""The conditions of a rule, compiled: each says whether it holds for an asset, and in words why it does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from taxonomy.errors import some_of
from worker.policies.rules.cel import Metadata
from worker.policies.rules.document import Hours
from worker.policies.rules.facts import Facts

_NAMED = 3  # nodes or lists that a text names
_GONE = "none of its nodes is in the taxonomy"

Named = Mapping[str, str]  # node id -> the text that named it


class Condition(Protocol):
    """One condition. `words` is asked only where it does not hold."""

    def holds(self, facts: Facts) -> bool:
        """Whether it holds."""

    def words(self, facts: Facts) -> str:
        """Why it does not."""


@dataclass(frozen=True, slots=True)
class Never:
    """No asset fulfils it: what it speaks of is gone, and a rule must not reach further without it."""

    reason: str

    def holds(self, facts: Facts) -> bool:
        """Never."""
        del facts
        return False

    def words(self, facts: Facts) -> str:
        """Why."""
        del facts
        return self.reason


@dataclass(frozen=True, slots=True)
class OfTenant:
    """The asset is of one of these tenants."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        """Whether it is."""
        return facts.tenant in self.names

    def words(self, facts: Facts) -> str:
        """Whose it is instead."""
        return f"tenant is {facts.tenant}, not {some_of(sorted(self.names), _NAMED)}"


@dataclass(frozen=True, slots=True)
class Between:
    """It is routed at these hours."""

    hours: Hours
    zone: ZoneInfo

    def holds(self, facts: Facts) -> bool:
        """Whether it is."""
        return self.hours.holds(facts.at.astimezone(self.zone).time())

    def words(self, facts: Facts) -> str:
        """What time it is instead."""
        now = facts.at.astimezone(self.zone).time()
        return f"it is {now:%H:%M}, not between {self.hours.start:%H:%M} and {self.hours.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class InHashList:
    """Its content is known to one of these lists."""

    names: frozenset[str]

    def holds(self, facts: Facts) -> bool:
        """Whether it is."""
        found = facts.prediction.hash_lists
        return found is not None and not self.names.isdisjoint(found)

    def words(self, facts: Facts) -> str:
        """Which lists know it instead."""
        found = facts.prediction.hash_lists
        wanted = some_of(sorted(self.names), _NAMED)
        return f"the content is in {', '.join(found)}, not in {wanted}" if found else f"the content is not in {wanted}"


@dataclass(frozen=True, slots=True)
class Unlike:
    """It looks like nothing in the taxonomy, or does not."""

    wanted: bool

    def holds(self, facts: Facts) -> bool:
        """Whether it is as wanted."""
        return facts.is_unlike is self.wanted

    def words(self, facts: Facts) -> str:
        """What it is instead."""
        return f"it looks like {'nothing' if facts.is_unlike else 'something'} in the taxonomy"


@dataclass(frozen=True, slots=True)
class HasLabels:
    """Of these nodes one, all, or none are decided; None where nothing is asked."""

    any: Named | None
    all: Named | None
    none: Named | None

    def holds(self, facts: Facts) -> bool:
        """Whether they are."""
        decided = facts.decided
        return (
            (self.any is None or not decided.isdisjoint(self.any))
            and (self.all is None or all(node in decided for node in self.all))
            and (self.none is None or decided.isdisjoint(self.none))
        )

    def words(self, facts: Facts) -> str:
        """Which are not, or are though they may not be."""
        decided = facts.decided
        if self.any is not None and decided.isdisjoint(self.any):
            return f"none of {some_of(self.any.values(), _NAMED)} is decided" if self.any else _GONE
        missing = [name for node, name in (self.all or {}).items() if node not in decided]
        if missing:
            return f"{missing[0]} is not decided"
        return f"{next(name for node, name in (self.none or {}).items() if node in decided)} is decided"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a confidence must be: at least `low`, less than `high`, and at most `margin` above the second."""

    low: float | None = None
    high: float | None = None
    margin: float | None = None

    def hold(self, confidence: float, margin: float | None) -> bool:
        """Whether a confidence, whose level has this margin, is as it must be."""
        return (
            (self.low is None or confidence >= self.low)
            and (self.high is None or confidence < self.high)
            and (self.margin is None or (margin is not None and margin <= self.margin))
        )

    def words(self, name: str, confidence: float, margin: float | None) -> str:
        """Why not."""
        if self.low is not None and confidence < self.low:
            return f"{name} has {confidence:.3f}, less than {self.low:g}"
        if self.high is not None and confidence >= self.high:
            return f"{name} has {confidence:.3f}, not less than {self.high:g}"
        if margin is None:
            return f"{name} has no level to compare it in"
        return f"{name} leads by {margin:.3f}, more than {self.margin:g}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A node that a rule names, with the bounds of its confidence; None where it is to be decided."""

    node: str
    name: str
    level: int
    bounds: Bounds | None


@dataclass(frozen=True, slots=True)
class Under:
    """It lies at or below one of these nodes: by decision where none has bounds, else by the confidence of the node.

    A decision counts where it is as sure as the threshold of its own node asks. With a bound from above, or a margin,
    the best path must lead there.
    """

    wanted: tuple[Wanted, ...]
    thresholds: Mapping[str, float]  # by node id, inherited ones included

    def holds(self, facts: Facts) -> bool:
        """Whether it does."""
        for each in self.wanted:  # noqa: SIM110 (a third faster than any() of a generator)
            if self._fits(each, facts):
                return True
        return False

    def words(self, facts: Facts) -> str:
        """Why it does not lie under the likeliest of them."""
        if not self.wanted:
            return _GONE
        each = max(self.wanted, key=lambda each: facts.confidence(each.node))
        if each.bounds is None:
            return _unsure(each.node, facts, self.thresholds) or f"{each.name} is not decided"
        if _needs_best_path(each.bounds) and each.node not in facts.on_best_path:
            return f"the best answer is not under {each.name}"
        return each.bounds.words(each.name, facts.confidence(each.node), facts.margin(each.level))

    def _fits(self, each: Wanted, facts: Facts) -> bool:
        bounds = each.bounds
        if bounds is None:
            return _is_decided(each.node, facts, self.thresholds)
        if _needs_best_path(bounds) and each.node not in facts.on_best_path:
            return False
        confidence = facts.confidence(each.node)
        if bounds.low is not None and confidence < bounds.low:  # most rules end here
            return False
        return bounds.hold(confidence, None if bounds.margin is None else facts.margin(each.level))


@dataclass(frozen=True, slots=True)
class AtLevel:
    """The best label of a level: below one of `under` if that is asked, and within the bounds.

    Without bounds a decision that is as sure as the threshold of its node asks must reach the level.
    """

    level: int
    under: Named | None
    bounds: Bounds | None
    thresholds: Mapping[str, float]  # by node id, inherited ones included

    def holds(self, facts: Facts) -> bool:
        """Whether it is."""
        label = facts.best.get(self.level)
        if label is None or self._is_elsewhere(facts, label.node):
            return False
        if self.bounds is None:
            return any(each.level >= self.level for each in facts.sure(self.thresholds))
        margin = None if self.bounds.margin is None else facts.margin(self.level)
        return self.bounds.hold(label.confidence, margin)

    def words(self, facts: Facts) -> str:
        """Why it is not."""
        label = facts.best.get(self.level)
        if label is None:
            return f"there is no label at level {self.level}"
        if self._is_elsewhere(facts, label.node):
            names = some_of((self.under or {}).values(), _NAMED)
            return f"{label.name}, of level {self.level}, is not under {names}" if names else _GONE
        if self.bounds is None:
            deep = facts.prediction.decision.level >= self.level
            unsure = _unsure(label.node, facts, self.thresholds) if deep else None
            return unsure or f"the decision is of level {facts.prediction.decision.level}, not of {self.level}"
        return self.bounds.words(label.name, label.confidence, facts.margin(self.level))

    def _is_elsewhere(self, facts: Facts, node: str) -> bool:
        return self.under is not None and facts.above(node).isdisjoint(self.under)


@dataclass(frozen=True, slots=True)
class Decided:
    """The confidence of the decision, 0 where nothing is decided, and the margin at its level."""

    bounds: Bounds

    def holds(self, facts: Facts) -> bool:
        """Whether it is within the bounds."""
        decision = facts.prediction.decision
        return self.bounds.hold(decision.confidence, facts.margin(decision.level))

    def words(self, facts: Facts) -> str:
        """Why it is not."""
        decision = facts.prediction.decision
        name = decision.path[-1] if decision.path else "the decision, which is none,"
        return self.bounds.words(name, decision.confidence, facts.margin(decision.level))


@dataclass(frozen=True, slots=True)
class When:
    """The metadata fulfil a CEL expression."""

    why_not: Callable[[Metadata], str | None]

    def holds(self, facts: Facts) -> bool:
        """Whether they do."""
        return self.why_not(facts.metadata) is None

    def words(self, facts: Facts) -> str:
        """Why they do not."""
        return self.why_not(facts.metadata) or ""


def _needs_best_path(bounds: Bounds) -> bool:
    return bounds.high is not None or bounds.margin is not None


def _is_decided(node: str, facts: Facts, thresholds: Mapping[str, float]) -> bool:
    if not thresholds:
        return node in facts.decided
    return any(each.node is not None and node in facts.above(each.node) for each in facts.sure(thresholds))


def _unsure(node: str, facts: Facts, thresholds: Mapping[str, float]) -> str | None:
    """Which threshold a decision at or below a node does not reach; None where there is no such decision."""
    for each in facts.sure({}):
        if each.node is not None and node in facts.above(each.node):
            return f"{each.path[-1]} has {each.confidence:.3f}, less than its threshold {thresholds[each.node]:g}"
    return None
