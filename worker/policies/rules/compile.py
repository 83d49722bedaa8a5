"""A policy compiled for one release: rules behind an index by node, the first that matches decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from taxonomy import TaxonomyError
from worker.policies.rules import conditions
from worker.policies.rules.cel import compile_when
from worker.policies.rules.conditions import Bounds, Condition, Wanted
from worker.policies.rules.document import DEFAULT, If, Policy, PolicyDocument, Rule, Then, parse_hours
from worker.policies.rules.errors import PolicyError
from worker.policies.rules.facts import Facts
from worker.policies.rules.nodes import PolicyNodes
from worker.states import Action


@dataclass(frozen=True, slots=True)
class Routing:
    """What a policy does with an asset. rule: the number of the rule from 0, None for the default.

    sampled: drawn for the audit queue, in which `queue` then says that a person looks at it, whatever the action.
    """

    rule: int | None
    then: Then
    queue: str | None
    sampled: bool


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """The conditions of one rule, the cheapest first."""

    name: str
    conditions: tuple[Condition, ...]
    then: Then

    def holds(self, facts: Facts) -> bool:
        """Whether all conditions hold."""
        for condition in self.conditions:  # noqa: SIM110 (a third faster than all() of a generator)
            if not condition.holds(facts):
                return False
        return True

    def why_not(self, facts: Facts) -> str | None:
        """The first condition that fails, in words; None where all hold."""
        return next((each.words(facts) for each in self.conditions if not each.holds(facts)), None)


class CompiledPolicy:
    """A policy for one release. Raises PolicyError on what the release does not have."""

    def __init__(self, document: PolicyDocument, nodes: PolicyNodes) -> None:
        self.policy = document.policy
        self.nodes = nodes
        self.rules = tuple(compile_rules(document, nodes))
        self._anywhere: list[int] = []
        self._by_node: dict[str, list[tuple[float, int]]] = {}  # node id -> (least confidence, number of the rule)
        for number, rule in enumerate(document.policy.rules):
            if rule.if_.under is None:
                self._anywhere.append(number)
            for node in nodes.find_all(rule.if_.under or ()):
                self._by_node.setdefault(node, []).append((_floor(self.rules[number], node), number))
        self._below: dict[str, tuple[tuple[float, int], ...]] = {}

    def route(self, facts: Facts) -> Routing:
        """What is done with an asset."""
        for number in self._candidates(facts):
            if self.rules[number].holds(facts):
                return self._routing(number, facts)
        return self._routing(None, facts)

    def rule_name(self, number: int | None) -> str:
        """What a rule is called; the default has a name too."""
        return DEFAULT if number is None else self.rules[number].name

    def _candidates(self, facts: Facts) -> list[int]:
        """The numbers of the rules that can match, ascending: those of any node, and those about nodes named here.

        A node is as probable as any below it: a rule that asks for more than the most probable of them cannot match.
        """
        found = set(self._anywhere)
        if self._by_node:
            for node, confidence in facts.confidences.items():
                rules = self._below.get(node)
                for floor, number in self._rules_about(node) if rules is None else rules:
                    if floor > confidence:
                        break
                    found.add(number)
        return sorted(found)

    def _rules_about(self, node: str) -> tuple[tuple[float, int], ...]:
        """The rules about a node or one above it, by the least confidence that they ask for."""
        about = {rule for above in self.nodes.above(node) for rule in self._by_node.get(above, ())}
        found = self._below[node] = tuple(sorted(about))
        return found

    def _routing(self, number: int | None, facts: Facts) -> Routing:
        then = self.policy.default if number is None else self.rules[number].then
        audit = self.policy.audit
        if audit is None or then.action is Action.REVIEW or not is_sampled(self.policy, facts, audit.share):
            return Routing(number, then, then.queue, sampled=False)
        return Routing(number, then, audit.queue, sampled=True)


def _floor(rule: CompiledRule, node: str) -> float:
    """The least confidence of a node that a rule asks for; 0 where it asks for none."""
    for condition in rule.conditions:
        if isinstance(condition, conditions.Under):
            return next((each.bounds.low or 0.0 for each in condition.wanted if each.node == node and each.bounds), 0.0)
    return 0.0


def is_sampled(policy: Policy, facts: Facts, share: float) -> bool:
    """Whether an asset is drawn: by a hash of policy, tenant and asset, so that it is so each time."""
    drawn = blake2b(f"{policy.policy}\0{facts.tenant}\0{facts.asset}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) < share * 2**64


def compile_rules(document: PolicyDocument, nodes: PolicyNodes) -> list[CompiledRule]:
    """All rules. Raises PolicyError, with rule and line, on an unknown node and a wrong expression."""
    policy = document.policy
    thresholds = nodes.inherited(own_thresholds(document, nodes))
    found = []
    for number, rule in enumerate(policy.rules):
        try:
            found.append(CompiledRule(rule.name, _conditions(rule, policy, nodes, thresholds), rule.then))
        except (PolicyError, TaxonomyError) as error:
            line = document.rule_line(number) if isinstance(error, TaxonomyError) else _when_line(document, number)
            raise PolicyError(error.message, rule=rule.name, source=document.source, line=line) from None
    return found


def own_thresholds(document: PolicyDocument, nodes: PolicyNodes) -> dict[str, float]:
    """Node id -> its own threshold. Raises PolicyError, with the line, on an unknown node, and on one named twice.

    Of nodes that were merged since, the strictest counts; what is left of one that is gone keeps its threshold.
    """
    found: dict[str, float] = {}
    for name, threshold in document.policy.thresholds.items():
        line = document.line("thresholds", name)
        try:
            left = nodes.left_of(name)
        except TaxonomyError as error:
            raise PolicyError(f"thresholds: {error.message}", source=document.source, line=line) from None
        for node in left:
            if node in found and not nodes.mapped:
                message = f"thresholds: {name!r:.60} names a node that is named above as well"
                raise PolicyError(message, source=document.source, line=line)
            found[node] = max(threshold, found.get(node, 0.0))
    return found


def _when_line(document: PolicyDocument, number: int) -> int | None:
    return document.line("rules", number, "when")


def _conditions(
    rule: Rule, policy: Policy, nodes: PolicyNodes, thresholds: Mapping[str, float]
) -> tuple[Condition, ...]:
    if_ = rule.if_
    found: list[Condition] = []
    if if_.tenant is not None:
        found.append(conditions.OfTenant(frozenset(if_.tenant)))
    if if_.hash_list is not None:
        found.append(conditions.InHashList(frozenset(if_.hash_list)))
    if if_.unlike is not None:
        found.append(conditions.Unlike(if_.unlike))
    look = _look(if_, nodes, thresholds)
    if look is not None:
        found.append(look)
    if if_.labels is not None:
        labels = if_.labels
        gone = [text for text in (*(labels.all or ()), *(labels.none or ())) if nodes.find(text) is None]
        if gone:
            found.append(conditions.Never(f"{gone[0]} is not in the taxonomy any more"))
        groups = (None if group is None else nodes.find_all(group) for group in (labels.any, labels.all, labels.none))
        found.append(conditions.HasLabels(*groups))
    if if_.between is not None:
        found.append(conditions.Between(parse_hours(if_.between), policy.zone))
    if rule.when is not None:
        found.append(conditions.When(compile_when(rule.when, policy.metadata)))
    return tuple(found)


def _look(if_: If, nodes: PolicyNodes, thresholds: Mapping[str, float]) -> Condition | None:
    """The condition on what the asset is, and how sure that is."""
    said = (if_.min_confidence, if_.max_confidence, if_.max_margin)
    bounds = None if said == (None, None, None) else Bounds(*said)
    if if_.level is not None:
        under = None if if_.under is None else nodes.find_all(if_.under)
        return conditions.AtLevel(if_.level, under, bounds, thresholds)
    if if_.under is not None:
        found = nodes.find_all(if_.under).items()
        return conditions.Under(
            tuple(Wanted(node, text, nodes.level(node), bounds) for node, text in found), thresholds
        )
    return None if bounds is None else conditions.Decided(bounds)
