"""Which webhooks want which events."""

from collections.abc import Iterable, Sequence
from typing import Any

import networkx as nx
from sqlalchemy import select

from worker.catalog.releases import stored_taxonomy
from worker.db.tables import EventRow, ReleaseRow, WebhookRow
from worker.db.transaction import Transaction
from worker.sinks.payloads import deliveries_of

_RELEASES = 4  # whose subtrees are kept


class Filters:
    """Chooses; remembers the subtrees that webhooks ask for, of the releases seen last."""

    def __init__(self) -> None:
        self._graphs: dict[str, nx.DiGraph[str] | None] = {}
        self._subtrees: dict[tuple[str, str], frozenset[str]] = {}

    def choose(
        self, tx: Transaction, events: Sequence[EventRow], webhooks: Iterable[WebhookRow]
    ) -> list[tuple[int, EventRow]]:
        """Pairs of a webhook's id and an event that it wants, in the order of events."""
        by_tenant: dict[int, list[WebhookRow]] = {}
        for webhook in webhooks:
            by_tenant.setdefault(webhook.tenant_id, []).append(webhook)
        pairs = [(each, event) for event in events for each in by_tenant.get(event.tenant_id, ()) if _asks(each, event)]
        looked_at = {event.id: event for webhook, event in pairs if webhook.node_id or webhook.review_queue}
        told = {each.id: each.payload for each in deliveries_of(tx, list(looked_at.values()))} if looked_at else {}
        return [(each.id, event) for each, event in pairs if self._fits(tx, each, told.get(event.id))]

    def _fits(self, tx: Transaction, webhook: WebhookRow, payload: dict[str, Any] | None) -> bool:
        if not (webhook.node_id or webhook.review_queue):
            return True
        if payload is None:
            return False
        queues = {routing["queue"] for routing in payload["routings"]}
        if webhook.review_queue and webhook.review_queue not in queues:
            return False
        return not webhook.node_id or self._is_under(tx, webhook.node_id, payload["prediction"])

    def _is_under(self, tx: Transaction, node_id: str, prediction: dict[str, Any] | None) -> bool:
        """Whether a decided node is the node or lies under it, in the release that was answered in."""
        if prediction is None:
            return False
        decisions = [prediction["decision"], *(prediction.get("decisions") or ())]
        return not self._subtree(tx, prediction["release"], node_id).isdisjoint(each["node"] for each in decisions)

    def _subtree(self, tx: Transaction, release: str, node_id: str) -> frozenset[str]:
        key = release, node_id
        if key not in self._subtrees:
            graph = self._graph(tx, release)
            below = nx.descendants(graph, node_id) if graph is not None and node_id in graph else set()
            self._subtrees[key] = frozenset({node_id, *below})
        return self._subtrees[key]

    def _graph(self, tx: Transaction, release: str) -> "nx.DiGraph[str] | None":
        if release not in self._graphs:
            if len(self._graphs) >= _RELEASES:
                self._graphs.clear()
                self._subtrees.clear()
            row = tx.scalar(select(ReleaseRow).where(ReleaseRow.release == release))
            self._graphs[release] = stored_taxonomy(row).graph if row is not None else None
        return self._graphs[release]


def _asks(webhook: WebhookRow, event: EventRow) -> bool:
    return event.id > webhook.after_event and (not webhook.kinds or event.kind in webhook.kinds)
