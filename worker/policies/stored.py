"""What is stored of a job, as a policy looks at it again: for explanations and replays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, cast, select

from classifier.inference.prediction import AssetPrediction, read_stored
from taxonomy import Hierarchy
from worker.catalog.releases import stored_taxonomy
from worker.db.engine import Database
from worker.db.tables import AssetRow, DecisionRow, JobRow, PolicyRow, ReleaseRow, TenantRow
from worker.db.transaction import Transaction
from worker.errors import LookupFailedError
from worker.policies.mapped_nodes import known_nodes, map_nodes
from worker.policies.rules.compile import CompiledPolicy
from worker.policies.rules.facts import Above, Facts
from worker.policies.rules.nodes import PolicyNodes
from worker.policies.versions import stored_document
from worker.states import Status


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A job that succeeded, with what it was submitted with. at: when it ended."""

    job_id: int
    tenant: str
    asset: str
    metadata: Mapping[str, Any] | None
    at: datetime
    prediction: AssetPrediction

    def facts(self, above: Above) -> Facts:
        """As rules see it."""
        return Facts(self.prediction, above, self.tenant, self.asset, self.metadata, self.at)


_Cases = Select[int, str, str, dict[str, Any] | None, datetime | None, str]


def select_cases() -> _Cases:
    """Jobs that succeeded; which of them, and whether with those of shadows, the caller adds."""
    columns = JobRow.id, TenantRow.name, AssetRow.name, JobRow.details, JobRow.finished_at
    return (
        select(*columns, cast(DecisionRow.prediction, Text).label("answer"))
        .join(DecisionRow, DecisionRow.job_id == JobRow.id)
        .join(AssetRow, AssetRow.id == JobRow.asset_id)
        .join(TenantRow, TenantRow.id == JobRow.tenant_id)
        .where(JobRow.status == Status.SUCCEEDED)
    )


def read_cases(tx: Transaction, query: _Cases) -> Iterator[StoredCase]:
    """The cases of a query, as they come."""
    for job_id, tenant, asset, metadata, at, prediction in tx.execute(query):
        if at is not None:
            yield StoredCase(job_id, tenant, asset, metadata, at, read_stored(prediction))


def find_case(tx: Transaction, job_id: int) -> StoredCase:
    """One job. Raises LookupFailedError unless it is one that succeeded."""
    found = list(read_cases(tx, select_cases().where(JobRow.id == job_id)))
    if not found:
        raise LookupFailedError(f"no job with the id {job_id} has succeeded")
    return found[0]


def compile_version(
    database: Database, policy_id: int, release_id: int, hierarchy: Hierarchy
) -> tuple[PolicyRow, CompiledPolicy]:
    """A version, and itself compiled for a release. Not inside a transaction: releases may have to be compared."""
    with database.read() as tx:
        row = tx.get_one(PolicyRow, policy_id)
        document = stored_document(row)
        mapped = known_nodes(tx, policy_id, release_id)
    if mapped is None:
        mapped = map_nodes(database, policy_id, release_id)
    return row, CompiledPolicy(document, PolicyNodes(None, hierarchy, mapped))


_KEPT_RELEASES = 4  # predictions are read in the order of jobs, so that releases come one after the other


class Releases:
    """Compiled releases, by their hash; the last few are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hierarchies: dict[str, tuple[int, Hierarchy]] = {}

    def get(self, release: str) -> tuple[int, Hierarchy]:
        """The number and the compiled form of a release. Raises LookupFailedError when it is not stored."""
        if release not in self._hierarchies:
            with self._database.read() as tx:
                row = tx.scalar(select(ReleaseRow).where(ReleaseRow.release == release))
                if row is None:
                    raise LookupFailedError(f"release {release[:12]} is not stored")
                taxonomy = stored_taxonomy(row)
                number = row.id
            self._hierarchies[release] = number, Hierarchy.compile(taxonomy)
            if len(self._hierarchies) > _KEPT_RELEASES:
                del self._hierarchies[next(iter(self._hierarchies))]
        return self._hierarchies[release]


class CompiledVersions:
    """Versions of policies compiled for the releases of predictions; those of the last few releases are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._releases = Releases(database)
        self._compiled: dict[tuple[int, str], CompiledPolicy] = {}

    def get(self, policy_id: int, release: str) -> CompiledPolicy:
        """A version for a release, by its hash. Raises LookupFailedError when the release is not stored."""
        key = policy_id, release
        if key not in self._compiled:
            number, hierarchy = self._releases.get(release)
            self._compiled[key] = compile_version(self._database, policy_id, number, hierarchy)[1]
            kept = list(dict.fromkeys(each for _, each in self._compiled))[-_KEPT_RELEASES:]
            self._compiled = {each: policy for each, policy in self._compiled.items() if each[1] in kept}
        return self._compiled[key]
