"""`/v1/labels`."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from worker.api.callers import Reader
from worker.api.objects import MAX_ID, Label, Limit, Page
from worker.api.replies import reply
from worker.catalog.nodes import find_node
from worker.catalog.serving import active_bundle, serving_release
from worker.jobs.addresses import MAX_KEY_BYTES
from worker.labels.storage import page_of_labels

_CURSOR = r"^(0|1|0\.[0-9]{1,24}|1\.0|[0-9](\.[0-9]{1,24})?e-[0-9]{1,2})_[0-9]{1,19}$"

router = APIRouter(prefix="/v1/labels", tags=["labels"])


@router.get("", response_model=Page[Label])
def list_(
    request: Request,
    caller: Reader,
    under: Annotated[
        str, Query(min_length=1, max_length=MAX_KEY_BYTES, description="A node: its id, path, name or alias.")
    ],
    min_confidence: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)] = 0.0,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next` of the page before.")] = None,
) -> Response:
    """Assets at or below a node of the active release, the most confident first."""
    after = None if cursor is None else _place(cursor)
    with caller.database.read() as tx:
        release_id = serving_release(tx, active_bundle(tx).id).id
        node = find_node(tx, release_id, under).node_id
        found, end = page_of_labels(tx, release_id, node, min_confidence, limit=limit, after=after)
    following = None if end is None else f"{end[0]!r}_{end[1]}"
    return reply(request, {"items": [asdict(label) for label in found], "next": following})


def _place(cursor: str) -> tuple[float, int]:
    confidence, _, asset_id = cursor.partition("_")
    return float(confidence), min(int(asset_id), MAX_ID)
