"""The versions of policies: added, listed, activated, rolled back. A version never changes."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, select, update

from worker.audit.records import ActivationRecord, append
from worker.db.statements.locks import lock_policies
from worker.db.tables import EVERY_TENANT, PolicyNodesRow, PolicyRow, ReleaseRow, TenantRow
from worker.db.transaction import Transaction
from worker.dispatch.queues import find_tenant, tenant_number
from worker.errors import InvalidMoveError, LookupFailedError
from worker.policies.hash_lists.storage import list_names
from worker.policies.rules.check import Check, check_policy
from worker.policies.rules.document import PolicyDocument, parse_policy
from worker.policies.rules.errors import PolicyError
from worker.policies.rules.nodes import PolicyNodes

_How = Literal["activate", "rollback", "shadow", "unshadow"]


@dataclass(frozen=True, slots=True)
class Added:
    """A version, and whether it is new: the same text as the newest one is no other version."""

    row: PolicyRow
    is_new: bool
    check: Check


def owner_number(tx: Transaction, tenant: str | None) -> int:
    """The number of a tenant; of none, that of what holds for all. Raises LookupFailedError."""
    return EVERY_TENANT if tenant is None else find_tenant(tx, tenant)


def add_policy(
    tx: Transaction, document: PolicyDocument, release: ReleaseRow, nodes: PolicyNodes, tenant: str | None, by: str
) -> Added:
    """Keep a document as the next version of its name, not yet active.

    nodes: of `release`, against which it is checked. Raises PolicyError, of the first error, when it cannot be used.
    """
    owner = EVERY_TENANT if tenant is None else tenant_number(tx, tenant)
    check = check_policy(document, nodes, list_names(tx, owner))
    if check.errors:
        first = check.errors[0]
        raise PolicyError(first.message, rule=first.rule, source=document.source, line=first.line)
    name = document.policy.policy
    lock_policies(tx, owner, name)
    newest = tx.scalar(_of_name(owner, name).order_by(PolicyRow.version.desc()).limit(1))
    if newest is not None and (newest.sha256, newest.release_id) == (document.sha256, release.id):
        return Added(newest, is_new=False, check=check)
    row = PolicyRow(
        tenant_id=owner,
        name=name,
        version=1 if newest is None else newest.version + 1,
        document=document.text,
        sha256=document.sha256,
        release_id=release.id,
        active=False,
        shadow=False,
        created_at=tx.now(),
        created_by=by,
    )
    tx.add(row)
    tx.flush()
    found = {text: nodes.find(text) for text in document.node_texts()}
    tx.add(PolicyNodesRow(policy_id=row.id, release_id=release.id, nodes=found))
    return Added(row, is_new=True, check=check)


def find_shadow(tx: Transaction, wanted: str, tenant: str | None = None) -> PolicyRow:
    """A version by NAME@VERSION, or by NAME alone the newest that is a shadow. Raises LookupFailedError."""
    if "@" in wanted:
        return find_policy(tx, wanted, tenant)
    shadows = _of_name(owner_number(tx, tenant), wanted).where(PolicyRow.shadow)
    row = tx.scalar(shadows.order_by(PolicyRow.version.desc()).limit(1))
    if row is None:
        raise LookupFailedError(f"no version of {wanted!r:.80} is a shadow")
    return row


def find_policy(tx: Transaction, wanted: str, tenant: str | None = None, *, newest: bool = False) -> PolicyRow:
    """A version by NAME@VERSION, or by NAME alone the active one, else the newest. Raises LookupFailedError.

    newest: NAME alone means the newest.
    """
    name, at, version = wanted.rpartition("@")
    owner = owner_number(tx, tenant)
    if at:
        number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1  # noqa: PLR2004 (digits of an int)
        row = tx.scalar(_of_name(owner, name).where(PolicyRow.version == number))
    else:
        order = [PolicyRow.version.desc()] if newest else [PolicyRow.active.desc(), PolicyRow.version.desc()]
        row = tx.scalar(_of_name(owner, wanted).order_by(*order).limit(1))
    if row is None:
        whose = "all tenants" if tenant is None else f"tenant {tenant!r}"
        raise LookupFailedError(f"no policy of {whose} is named {wanted!r:.80}")
    return row


def stored_document(row: PolicyRow) -> PolicyDocument:
    """The document of a version."""
    return parse_policy(row.document, policy_text(row))


def policy_text(row: PolicyRow) -> str:
    """NAME@VERSION."""
    return f"{row.name}@{row.version}"


def tenants_of(tx: Transaction, row: PolicyRow) -> tuple[int | None, tuple[int, ...]]:
    """Whom a policy is for: its tenant, or None for all but those, given too, that have an active one of that name."""
    if row.tenant_id != EVERY_TENANT:
        return row.tenant_id, ()
    others = select(PolicyRow.tenant_id).where(PolicyRow.name == row.name, PolicyRow.active)
    return None, tuple(sorted(tx.scalars(others.where(PolicyRow.tenant_id != EVERY_TENANT))))


def list_policies(tx: Transaction, tenant: str | None = None) -> list[dict[str, Any]]:
    """All versions by tenant and name, the newest of each first; those of one tenant where it is named."""
    query = select(PolicyRow, TenantRow.name).outerjoin(TenantRow, TenantRow.id == PolicyRow.tenant_id)
    if tenant is not None:
        query = query.where(PolicyRow.tenant_id == find_tenant(tx, tenant))
    order = PolicyRow.tenant_id, PolicyRow.name, PolicyRow.version.desc()
    return [
        {
            "policy": row.name,
            "version": row.version,
            "tenant": owner,
            "active": row.active,
            "shadow": row.shadow,
            "sha256": row.sha256,
            "created_at": row.created_at.isoformat(),
            "created_by": row.created_by,
            "activated_at": row.activated_at.isoformat() if row.activated_at else None,
        }
        for row, owner in tx.execute(query.order_by(*order))
    ]


def activate_policy(tx: Transaction, row: PolicyRow, by: str) -> None:
    """Make a version the active one of its tenant and name, on the record; it is no shadow any more."""
    lock_policies(tx, row.tenant_id, row.name)
    _make_active(tx, row, "activate", by)
    row.activated_at = tx.now()


def rollback_policy(tx: Transaction, name: str, tenant: str | None, by: str) -> PolicyRow:
    """Make active what was activated before the version that is. Raises InvalidMoveError when nothing was."""
    owner = owner_number(tx, tenant)
    lock_policies(tx, owner, name)
    active = tx.scalar(_of_name(owner, name).where(PolicyRow.active))
    if active is None:
        raise LookupFailedError(f"no policy named {name!r:.80} is active")
    before = _of_name(owner, name).where(PolicyRow.activated_at < active.activated_at)
    row = tx.scalar(before.order_by(PolicyRow.activated_at.desc()).limit(1))
    if row is None:
        raise InvalidMoveError(f"nothing was active before {policy_text(active)}")
    active.activated_at = None  # no rollback to come leads to it
    _make_active(tx, row, "rollback", by)
    return row


def set_shadow(tx: Transaction, row: PolicyRow, by: str, *, on: bool) -> None:
    """Let a version run beside the active one, or no more. Raises InvalidMoveError for the active one itself."""
    lock_policies(tx, row.tenant_id, row.name)
    tx.refresh(row)
    if on and row.active:
        raise InvalidMoveError(f"{policy_text(row)} is active: it cannot be its own shadow")
    if not on and not row.shadow:
        raise InvalidMoveError(f"{policy_text(row)} is no shadow")
    row.shadow = on
    _record(tx, row, "shadow" if on else "unshadow", None, by)


def _make_active(tx: Transaction, row: PolicyRow, how: Literal["activate", "rollback"], by: str) -> None:
    mine = PolicyRow.tenant_id == row.tenant_id, PolicyRow.name == row.name
    previous = tx.scalar(select(PolicyRow.version).where(*mine, PolicyRow.active))
    tx.execute(update(PolicyRow).where(*mine, PolicyRow.active).values(active=False))
    tx.execute(update(PolicyRow).where(PolicyRow.id == row.id).values(active=True, shadow=False))
    tx.refresh(row)
    _record(tx, row, how, previous, by)


def _record(tx: Transaction, row: PolicyRow, how: _How, previous: int | None, by: str) -> None:
    record = ActivationRecord(
        at=tx.now(),
        tenant=row.tenant_id,
        what="policy",
        how=how,
        name=row.name,
        version=str(row.version),
        sha256=row.sha256,
        previous=None if previous is None else str(previous),
        by=by,
    )
    append(tx, [record])


def _of_name(owner: int, name: str) -> Select[PolicyRow]:
    return select(PolicyRow).where(PolicyRow.tenant_id == owner, PolicyRow.name == name)
