"""Policies and predictions written down shortly."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from classifier.inference.decision import Decision
from classifier.inference.prediction import Alternative, AssetPrediction, LevelLabel
from taxonomy import Node, Taxonomy
from worker.policies.rules.compile import CompiledPolicy
from worker.policies.rules.document import PolicyDocument, parse_policy
from worker.policies.rules.facts import Facts
from worker.policies.rules.nodes import PolicyNodes

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)

# Weapons > Knives > (Daggers, Machetes), Weapons > Guns; Landscape > (Coast, Forest); Bayonets are Knives and Guns.
TAXONOMY = Taxonomy(
    [
        Node("w", "Weapons"),
        Node("k", "Knives", ("w",)),
        Node("d", "Daggers", ("k",)),
        Node("m", "Machetes", ("k",)),
        Node("g", "Guns", ("w",)),
        Node("b", "Bayonets", ("k", "g")),
        Node("l", "Landscape"),
        Node("c", "Coast", ("l",)),
        Node("f", "Forest", ("l",)),
    ]
)
NODES = PolicyNodes.of(TAXONOMY)

HEAD = "policy: p\nmetadata: {age: int, channel: string}\ndefault: {action: review, queue: general}\n"


def document(*rules: str, head: str = HEAD, tail: str = "") -> PolicyDocument:
    """A policy of rules, each the inside of a mapping without its name and, if it has none, its `then`."""
    lines = []
    for number, rule in enumerate(rules):
        then = "" if "then:" in rule else ", then: {action: accept}"
        name = "" if "name:" in rule else f"name: r{number}, "
        lines.append(f"  - {{{name}{rule}{then}}}\n")
    return parse_policy(head + ("rules:\n" + "".join(lines) if lines else "") + tail, "p.yaml")


def compiled(*rules: str, head: str = HEAD, tail: str = "", nodes: PolicyNodes = NODES) -> CompiledPolicy:
    """The same, compiled."""
    return CompiledPolicy(document(*rules, head=head, tail=tail), nodes)


def prediction(
    probs: Mapping[str, float], decided: str | None, *, reason: str = "terminal", **marks: Any
) -> AssetPrediction:
    """A prediction by node id -> probability: at each level the most probable node, the others being alternatives."""
    levels: dict[int, list[str]] = {}
    for node in sorted(probs, key=lambda node: -probs[node]):
        levels.setdefault(NODES.level(node), []).append(node)
    labels = tuple(
        LevelLabel(level, first, TAXONOMY[first].name, probs[first], tuple(Alternative(n, n, probs[n]) for n in others))
        for level, (first, *others) in sorted(levels.items())
    )
    if decided is None:
        decision = Decision(None, (), 0, 0.0, reason)
    else:
        path = tuple(node.name for node in TAXONOMY.path(decided))
        decision = Decision(decided, path, NODES.level(decided), probs[decided], reason)
    return AssetPrediction("file:///a.png", "r", "model", labels, decision, **marks)


def facts(
    probs: Mapping[str, float],
    decided: str | None,
    *,
    tenant: str = "default",
    asset: str = "a",
    metadata: Mapping[str, Any] | None = None,
    at: datetime = NOON,
    **said: Any,
) -> Facts:
    """An asset with such a prediction."""
    return Facts(prediction(probs, decided, **said), NODES.above, tenant, asset, metadata, at)


DAGGER = {"w": 0.9, "k": 0.8, "d": 0.6, "m": 0.2, "l": 0.1, "c": 0.08, "f": 0.02}
COAST = {"w": 0.3, "k": 0.2, "l": 0.7, "c": 0.5, "f": 0.2}
