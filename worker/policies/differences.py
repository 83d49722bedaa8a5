"""What differs between two policy documents, rule by rule."""

from typing import Any

from worker.policies.rules.document import Policy, Rule


def policy_differences(before: Policy, after: Policy) -> dict[str, Any]:
    """`{added, removed, changed, moved, settings}`: names of rules, and of the other parts that differ.

    moved: rules that stand in another order among those that both have.
    """
    old = {rule.name: rule for rule in before.rules}
    new = {rule.name: rule for rule in after.rules}
    both = [name for name in old if name in new]
    order = [name for name in new if name in old]
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [{"rule": name, "parts": parts} for name in both if (parts := _parts(old[name], new[name]))],
        "moved": [name for place, name in enumerate(order) if both[place] != name],
        "settings": [
            name
            for name in ("metadata", "timezone", "thresholds", "default", "audit")
            if getattr(before, name) != getattr(after, name)
        ],
    }


def _parts(old: Rule, new: Rule) -> list[str]:
    """The parts of a rule that differ: `when`, `then.queue`, `if.min_confidence`."""
    found = ["when"] if old.when != new.when else []
    for part, a, b in (("if", old.if_, new.if_), ("then", old.then, new.then)):
        found += [f"{part}.{name}" for name in type(a).model_fields if getattr(a, name) != getattr(b, name)]
    return found
