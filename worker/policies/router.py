"""The router of a worker: compiled policies, and the routings that they give with the answers of a batch."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from classifier.inference.prediction import AssetPrediction
from taxonomy import Hierarchy
from worker.audit.records import RoutingRecord, append, name_sha256
from worker.db.engine import Database
from worker.db.tables import EVERY_TENANT, PolicyRow, TenantRow
from worker.db.transaction import Transaction
from worker.events.outbox import Event, record_events
from worker.policies.routings import StoredRouting, changed, store_routings
from worker.policies.rules.compile import CompiledPolicy, Routing
from worker.policies.rules.facts import Facts
from worker.policies.stored import compile_version
from worker.states import EventKind

_KEPT = 256  # compiled policies
_MAPPED_S = 60.0  # how long a policy of another release stays as it was mapped


class Answered(NamedTuple):
    """A job that succeeds in this transaction, with what it was submitted with."""

    job_id: int
    asset_id: int
    tenant_id: int
    asset: str
    metadata: Mapping[str, object] | None
    is_shadow: bool
    submitted_at: datetime | None
    prediction: AssetPrediction
    content_sha256: str | None = None


class _Compiled(NamedTuple):
    """A version of a policy for one release."""

    policy: CompiledPolicy
    version: int
    sha256: str  # of its document
    until: float  # by the monotonic clock: when it is to be looked at again


Prepared = dict[tuple[int, int], _Compiled]  # by policy and release: what one store needs, however much that is


class UnpreparedError(Exception):
    """Policies that run are not compiled yet for a release: prepare them outside of the transaction."""

    def __init__(self, policy_ids: Collection[int], release_id: int, hierarchy: Hierarchy) -> None:
        super().__init__(policy_ids, release_id)
        self.policy_ids = policy_ids
        self.release_id = release_id
        self.hierarchy = hierarchy


@dataclass(frozen=True, slots=True)
class _Running:
    """A policy that runs for a tenant."""

    id: int
    name: str
    tenant_id: int
    shadow: bool


class Router:
    """Compiled policies of this process, the ones used last.

    Versions never change; how one was mapped to another release than its own may, and is looked at again each minute.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple[int, int], _Compiled] = OrderedDict()

    def prepare(self, missing: UnpreparedError) -> Prepared:
        """Compile policies for a release. Not inside a transaction: releases may have to be compared."""
        found = {}
        for policy_id in missing.policy_ids:
            key = policy_id, missing.release_id
            found[key] = self._known(key) or self._compile(policy_id, missing.release_id, missing.hierarchy)
        return found

    def _compile(self, policy_id: int, release_id: int, hierarchy: Hierarchy) -> _Compiled:
        row, policy = compile_version(self._database, policy_id, release_id, hierarchy)
        until = math.inf if row.release_id == release_id else time.monotonic() + _MAPPED_S
        compiled = _Compiled(policy, row.version, row.sha256, until)
        with self._lock:
            self._compiled[policy_id, release_id] = compiled
            while len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        return compiled

    def route(
        self,
        tx: Transaction,
        answered: Sequence[Answered],
        release_id: int,
        hierarchy: Hierarchy,
        prepared: Prepared,
    ) -> None:
        """Write the routings of jobs that succeed in this transaction, and tell of those that change something.

        Each policy that is active for a job's tenant routes it, and each shadow writes down what it would do.
        prepared: what was compiled for this very store. Raises UnpreparedError, upon which the transaction is rolled
        back, and tried again with all that it names.
        """
        running = _running(tx, {each.tenant_id for each in answered}) if answered else {}
        if not any(running.values()):
            return
        compiled = self._all(running, release_id, hierarchy, prepared)
        at = tx.now()
        names = _tenant_names(tx, set(running))
        found: list[StoredRouting] = []
        records: list[RoutingRecord] = []
        for each in answered:
            facts: Facts | None = None
            for policy in running[each.tenant_id]:
                mine = compiled[policy.id]
                if facts is None:
                    above = mine.policy.nodes.above
                    facts = Facts(each.prediction, above, names[each.tenant_id], each.asset, each.metadata, at)
                routing = _stored(each, policy, mine.policy, mine.policy.route(facts))
                found.append(routing)
                if not routing.shadow:
                    records.append(_record(routing, each, policy, mine, at))
        store_routings(tx, found, at)
        append(tx, records)
        named = {policy.id: policy.name for policies in running.values() for policy in policies}
        events = [
            Event(EventKind.ROUTING_CHANGED, each.tenant_id, each.job_id, details={"policy": named[each.policy_id]})
            for each in changed(tx, found)
        ]
        record_events(tx, events, at)

    def _all(
        self,
        running: Mapping[int, Sequence["_Running"]],
        release_id: int,
        hierarchy: Hierarchy,
        prepared: Prepared,
    ) -> dict[int, _Compiled]:
        """All that runs, by the number of the policy. Raises UnpreparedError, of all that is missing at once."""
        ids = {policy.id for policies in running.values() for policy in policies}
        found = {each: prepared.get((each, release_id)) or self._known((each, release_id)) for each in ids}
        missing = sorted(each for each, compiled in found.items() if compiled is None)
        if missing:
            raise UnpreparedError(missing, release_id, hierarchy)
        return {each: compiled for each, compiled in found.items() if compiled is not None}

    def _known(self, key: tuple[int, int]) -> _Compiled | None:
        with self._lock:
            found = self._compiled.get(key)
            if found is None or found.until < time.monotonic():
                return None
            self._compiled.move_to_end(key)
            return found


def _running(tx: Transaction, tenants: set[int]) -> dict[int, list[_Running]]:
    """By tenant the policies that run for it: its own, and those for all of names that it has none of itself."""
    query = select(PolicyRow.id, PolicyRow.name, PolicyRow.tenant_id, PolicyRow.shadow)
    query = query.where(PolicyRow.tenant_id.in_({*tenants, EVERY_TENANT}), PolicyRow.active | PolicyRow.shadow)
    rows = [_Running(*row) for row in tx.execute(query.order_by(PolicyRow.id))]
    found = {}
    for tenant in tenants:
        own = {row.name for row in rows if row.tenant_id == tenant and not row.shadow}
        common = (row for row in rows if row.tenant_id == EVERY_TENANT and (row.shadow or row.name not in own))
        found[tenant] = [*(row for row in rows if row.tenant_id == tenant), *common]
    return found


def _tenant_names(tx: Transaction, tenants: set[int]) -> dict[int, str]:
    found = tx.execute(select(TenantRow.id, TenantRow.name).where(TenantRow.id.in_(tenants)))
    return {row.id: row.name for row in found}


def _stored(each: Answered, policy: _Running, compiled: CompiledPolicy, routing: Routing) -> StoredRouting:
    then = routing.then
    return StoredRouting(
        each.job_id,
        policy.id,
        each.tenant_id,
        each.asset_id,
        None if routing.rule is None else compiled.rule_name(routing.rule),
        then.action,
        routing.queue,
        then.collection,
        then.priority,
        then.tags or (),
        routing.sampled,
        policy.shadow or each.is_shadow,
    )


def _record(
    routing: StoredRouting, each: Answered, policy: _Running, compiled: _Compiled, at: datetime
) -> RoutingRecord:
    prediction, decision = each.prediction, each.prediction.decision
    return RoutingRecord(
        at=at,
        tenant=routing.tenant_id,
        job=routing.job_id,
        asset_sha256=name_sha256(each.asset),
        action=routing.action,
        review_queue=routing.review_queue,
        content_sha256=each.content_sha256,
        model=prediction.model,
        release=prediction.release,
        policy=policy.name,
        policy_version=compiled.version,
        policy_sha256=compiled.sha256,
        rule=routing.rule,
        node=decision.node,
        level=decision.level,
        confidence=decision.confidence,
        submitted_at=each.submitted_at,
        sampled=routing.sampled,
    )
