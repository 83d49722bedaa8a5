"""The tables. Rows are small where there are many: labels name release and bundle by number."""

from worker.db.tables.access import AnswerRow, KeyRow
from worker.db.tables.answers import DecisionRow, LabelRow, RelabellingRow, ReviewRow
from worker.db.tables.assets import AssetRow, DeletionRow, TenantRow
from worker.db.tables.base import (
    DEFAULT_QUEUE,
    DEFAULT_TAXONOMY,
    DEFAULT_TENANT,
    FIRST,
    HUMAN,
    REVISION,
    Base,
    UtcDateTime,
    Word,
)
from worker.db.tables.catalog import AliasRow, BundleRow, NodeRow, ReleaseRow
from worker.db.tables.jobs import BatchRow, JobRow, OutboxRow, QueueRow
from worker.db.tables.records import AuditLinkRow, AuditRecordRow, EventRow, SinkRow
from worker.db.tables.routing import EVERY_TENANT, HashEntryRow, HashListRow, PolicyNodesRow, PolicyRow, RoutingRow
from worker.db.tables.webhooks import DeliveryRow, WebhookRow

__all__ = [
    "DEFAULT_QUEUE",
    "DEFAULT_TAXONOMY",
    "DEFAULT_TENANT",
    "EVERY_TENANT",
    "FIRST",
    "HUMAN",
    "REVISION",
    "AliasRow",
    "AnswerRow",
    "AssetRow",
    "AuditLinkRow",
    "AuditRecordRow",
    "Base",
    "BatchRow",
    "BundleRow",
    "DecisionRow",
    "DeletionRow",
    "DeliveryRow",
    "EventRow",
    "HashEntryRow",
    "HashListRow",
    "JobRow",
    "KeyRow",
    "LabelRow",
    "NodeRow",
    "OutboxRow",
    "PolicyNodesRow",
    "PolicyRow",
    "QueueRow",
    "RelabellingRow",
    "ReleaseRow",
    "ReviewRow",
    "RoutingRow",
    "SinkRow",
    "TenantRow",
    "UtcDateTime",
    "WebhookRow",
    "Word",
]
