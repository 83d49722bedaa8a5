"""What is wrong with a policy that is well-formed: unknown nodes, contradictions, rules that can never match."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from taxonomy import TaxonomyError
from worker.policies.rules.cel import compile_when
from worker.policies.rules.compile import own_thresholds
from worker.policies.rules.coverage import Reach, covers
from worker.policies.rules.document import PolicyDocument, Rule
from worker.policies.rules.errors import Finding, PolicyError
from worker.policies.rules.nodes import PolicyNodes


@dataclass(frozen=True, slots=True)
class Check:
    """What was found. errors: why the policy cannot be used. warnings: what was hardly meant."""

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def check_policy(document: PolicyDocument, nodes: PolicyNodes | None, lists: Collection[str] | None = None) -> Check:
    """Check a policy against the nodes of a release; without them, what can be checked without.

    lists: the names of all lists of known content, where they are known.
    """
    errors, thresholds = _thresholds(document, nodes)
    warnings: list[Finding] = []
    reaches: list[tuple[int, Reach]] = []
    for number, rule in enumerate(document.policy.rules):
        line = document.rule_line(number)
        wrong = [Finding(rule.name, where or line, message) for where, message in _wrong_in(document, number, nodes)]
        errors += wrong
        if wrong:
            continue
        reach = Reach.of(rule, nodes)
        by = covers([earlier for _, earlier in reaches], reach, nodes)
        if by:
            earlier = " and ".join(repr(document.policy.rules[reaches[place][0]].name) for place in by)
            warnings.append(Finding(rule.name, line, f"can never match: {earlier} before it takes all that it would"))
        else:
            reaches.append((number, reach))
        odd = (*_odd_in(rule, thresholds, nodes), *_unknown_lists(rule, lists))
        warnings += [Finding(rule.name, line, message) for message in odd]
    return Check(tuple(errors), tuple(warnings))


def _thresholds(document: PolicyDocument, nodes: PolicyNodes | None) -> tuple[list[Finding], dict[str, float]]:
    """What is wrong with the thresholds, and those of all nodes."""
    if nodes is None:
        return [], {}
    try:
        return [], nodes.inherited(own_thresholds(document, nodes))
    except PolicyError as error:
        return [Finding(None, error.line, error.message)], {}


def _wrong_in(document: PolicyDocument, number: int, nodes: PolicyNodes | None) -> Iterator[tuple[int | None, str]]:
    """The (line, message) of each error of one rule."""
    rule = document.policy.rules[number]
    for message in (*_unknown(rule, nodes), *_contradictions(rule, nodes)):
        yield None, message
    if rule.when is not None:
        try:
            compile_when(rule.when, document.policy.metadata)
        except PolicyError as error:
            yield document.line("rules", number, "when"), error.message


def _unknown(rule: Rule, nodes: PolicyNodes | None) -> Iterator[str]:
    if nodes is None:
        return
    labels = rule.if_.labels
    groups = () if labels is None else (labels.any, labels.all, labels.none)
    for text in {text: None for group in (rule.if_.under, *groups) for text in group or ()}:
        try:
            nodes.find(text)
        except TaxonomyError as error:
            yield error.message


def _contradictions(rule: Rule, nodes: PolicyNodes | None) -> Iterator[str]:
    """Why no asset at all can fulfil the structured conditions."""
    if_ = rule.if_
    low, high = if_.min_confidence, if_.max_confidence
    if low is not None and high is not None and low >= high:
        yield f"can never match: min_confidence {low:g} is not below max_confidence {high:g}"
    if if_.unlike and low is not None and if_.under is None and if_.level is None:
        yield "can never match: what is unlike anything is not decided, and so has no min_confidence"
    if if_.unlike and (if_.under or if_.level) and _asks_decision(rule):
        yield "can never match: what is unlike anything lies decided under no node and at no level"
    yield from _label_contradictions(rule, nodes)
    if if_.level is not None and nodes is not None:
        yield from _levels(rule, nodes, if_.level)


def _label_contradictions(rule: Rule, nodes: PolicyNodes | None) -> Iterator[str]:
    """Nodes that are to be decided though they, or nodes above them, are not to be."""
    labels = rule.if_.labels
    if labels is None or labels.none is None or nodes is None:
        return
    try:
        none = nodes.find_all(labels.none)
        wanted = nodes.find_all(labels.all or ())
        groups = [nodes.find_all(labels.any)] if labels.any else []
        if rule.if_.under and _asks_decision(rule):
            groups.append(nodes.find_all(rule.if_.under))
    except TaxonomyError:
        return
    excluded = {node: text for group in (wanted, *groups) for node, text in group.items()
                if not nodes.above(node).isdisjoint(none)}  # fmt: skip
    for group in (*groups, *({node: text} for node, text in wanted.items())):
        if group and all(node in excluded for node in group):
            yield f"can never match: {next(iter(group.values()))} is to be decided and not decided"
            return


def _asks_decision(rule: Rule) -> bool:
    if_ = rule.if_
    return (if_.min_confidence, if_.max_confidence, if_.max_margin) == (None, None, None)


def _levels(rule: Rule, nodes: PolicyNodes, level: int) -> Iterator[str]:
    depth = nodes.hierarchy.depth
    if level > depth:
        yield f"can never match: the taxonomy has {depth} levels, not {level}"
        return
    try:
        under = nodes.find_all(rule.if_.under or ())
    except TaxonomyError:
        return
    if under and not any(nodes.level(node) <= level <= nodes.deepest[node] for node in under):
        names = " or ".join(under.values())
        yield f"can never match: no node at or below {names:.80} is of level {level}"


def _unknown_lists(rule: Rule, lists: Collection[str] | None) -> Iterator[str]:
    if lists is not None:
        for name in rule.if_.hash_list or ():
            if name not in lists:
                yield f"there is no hash list {name!r:.80} yet"


def _odd_in(rule: Rule, thresholds: Mapping[str, float], nodes: PolicyNodes | None) -> Iterator[str]:
    if nodes is None or rule.if_.min_confidence is None:
        return
    for node, text in nodes.find_all(rule.if_.under or ()).items():
        own = thresholds.get(node)
        if own is not None and own != rule.if_.min_confidence:
            yield f"its min_confidence {rule.if_.min_confidence:g} overrides the threshold {own:g} of {text}"
