"""What the audit can prove: whole chains, and one record of everything that happened."""

from collections import Counter

from audit_trail import link_all
from sqlalchemy import func, select

from worker.audit.export import Choice, chosen_rows
from worker.audit.records import ActivationRecord, DeletionRecord, RoutingRecord, read_record
from worker.audit.verify import verify_chains
from worker.db.engine import Database
from worker.db.tables import BundleRow, DeletionRow, ReleaseRow, RoutingRow


def count_unproved(database: Database, activations: int) -> int:
    """Broken chains, routings, deletions and activations with none or several records, and what is active unrecorded.

    activations: how often a bundle was made active.
    """
    found = [read_record(row.kind, row.content) for row in chosen_rows(database, Choice())]
    bundles = sum(isinstance(record, ActivationRecord) and record.what == "bundle" for record in found)
    deletions = sum(isinstance(record, DeletionRecord) for record in found)
    routed = Counter(
        (record.job, record.policy, record.policy_version) for record in found if isinstance(record, RoutingRecord)
    )
    last = {record.what: record.version for record in found if isinstance(record, ActivationRecord)}
    with database.read() as tx:
        deleted = tx.scalar(select(func.count()).select_from(DeletionRow)) or 0
        routings = tx.scalar(select(func.count()).select_from(RoutingRow).where(RoutingRow.shadow.is_(False))) or 0
        model = tx.scalar(select(BundleRow.model).where(BundleRow.active))
        release = tx.scalar(select(ReleaseRow.release).where(ReleaseRow.active))
    link_all(database)
    chains = list(verify_chains(database))
    broken = sum(chain.broken is not None or chain.unlinked > 0 for chain in chains)
    wrong = abs(bundles - activations) + abs(deletions - deleted) + abs(routings - len(routed))
    doubled = sum(count > 1 for count in routed.values())
    return broken + wrong + doubled + (last.get("bundle") != model) + (last.get("release") != release)
