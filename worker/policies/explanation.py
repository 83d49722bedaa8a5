"""`policy explain`: why a job was routed as it was, or would be by another version."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from worker.db.engine import Database
from worker.db.tables import PolicyRow, RoutingRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.policies.rules.explain import explain
from worker.policies.stored import CompiledVersions, find_case
from worker.policies.versions import find_policy


def explain_job(database: Database, job_id: int, wanted: str | None, tenant: str | None) -> list[dict[str, Any]]:
    """`{job, policy, version, rule, action, queue, collection, priority, tags, sampled, tried}` for each routing.

    wanted: a version by name, for what it would do; without it the versions that routed the job. Raises
    LookupFailedError when there is none, or the job has not succeeded.
    """
    with database.read() as tx:
        case = find_case(tx, job_id)
        rows = [(find_policy(tx, wanted, tenant), case.at)] if wanted is not None else _routed_by(tx, job_id)
        versions = [(row.id, row.name, row.version, at) for row, at in rows]
    compiled = CompiledVersions(database)
    found = []
    for number, name, version, at in versions:
        policy = compiled.get(number, case.prediction.release)
        said = explain(policy, replace(case, at=at).facts(policy.nodes.above)).as_dict()
        found.append({"job": job_id, "policy": name, "version": version, **said})
    return found


def _routed_by(tx: Transaction, job_id: int) -> list[tuple[PolicyRow, datetime]]:
    """The versions, each with when it was."""
    query = select(PolicyRow, RoutingRow.created_at).join(RoutingRow, RoutingRow.policy_id == PolicyRow.id)
    query = query.where(RoutingRow.job_id == job_id).order_by(RoutingRow.shadow, PolicyRow.name, PolicyRow.version)
    rows = [(row, at) for row, at in tx.execute(query)]
    if not rows:
        raise LookupFailedError(f"no policy has routed job {job_id}: name one with --policy")
    return rows
