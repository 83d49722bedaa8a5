"""A policy in the database, on both deployments."""

from collections.abc import Callable

import pytest

from classifier.bundles.bundle import Bundle
from taxonomy import Taxonomy
from worker.catalog.serving import active_bundle, serving_release
from worker.db.engine import Database
from worker.policies.rules.document import parse_policy
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import activate_policy, add_policy, policy_text

Keep = Callable[..., str]

HEAD = "policy: {name}\nmetadata: {{age: int}}\ndefault: {{action: review, queue: general}}\nrules:\n"


@pytest.fixture
def keep(database: Database, bundle: Bundle) -> Keep:
    """A function that keeps a policy of such rules as the next version, active unless told otherwise."""
    taxonomy: Taxonomy = bundle.taxonomy

    def add(*rules: str, name: str = "p", tenant: str | None = None, active: bool = True, tail: str = "") -> str:
        lines = "".join(f"  - {{name: r{number}, {rule}}}\n" for number, rule in enumerate(rules))
        document = parse_policy(HEAD.format(name=name) + (lines or "  []\n") + tail, "p.yaml")
        with database.write() as tx:
            release = serving_release(tx, active_bundle(tx).id)
            row = add_policy(tx, document, release, PolicyNodes.of(taxonomy), tenant, "tester").row
            if active:
                activate_policy(tx, row, "tester")
            return policy_text(row)

    return add
