"""Why an asset was routed as it was: the rule, and for each rule before it the first condition that failed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.policies.rules.compile import CompiledPolicy, Routing
from worker.policies.rules.facts import Facts


@dataclass(frozen=True, slots=True)
class Explanation:
    """The routing, and what was tried before its rule: (rule, the condition that failed in words)."""

    rule: str
    routing: Routing
    tried: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """`{rule, action, queue, collection, priority, tags, sampled, tried}` as JSON has it."""
        return {
            "rule": self.rule,
            **routing_dict(self.routing),
            "tried": [{"rule": rule, "failed": failed} for rule, failed in self.tried],
        }


def explain(policy: CompiledPolicy, facts: Facts) -> Explanation:
    """What the policy does with an asset, and why; its routing is that of `CompiledPolicy.route`."""
    routing = policy.route(facts)
    return Explanation(policy.rule_name(routing.rule), routing, tuple(_tried(policy, facts, routing.rule)))


def routing_dict(routing: Routing) -> dict[str, Any]:
    """`{action, queue, collection, priority, tags, sampled}` as JSON has it."""
    then = routing.then
    return {
        "action": then.action.value,
        "queue": routing.queue,
        "collection": then.collection,
        "priority": then.priority,
        "tags": list(then.tags or ()),
        "sampled": routing.sampled,
    }


def _tried(policy: CompiledPolicy, facts: Facts, end: int | None) -> Iterator[tuple[str, str]]:
    for rule in policy.rules[:end]:
        yield rule.name, rule.why_not(facts) or ""
