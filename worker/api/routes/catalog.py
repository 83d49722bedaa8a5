"""`/v1/taxonomies` and `/v1/nodes`: what all tenants share."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from worker.api.callers import Reader
from worker.api.objects import All, Node, Release
from worker.api.replies import reply
from worker.catalog.nodes import find_node
from worker.catalog.releases import list_releases
from worker.catalog.serving import active_bundle, serving_release
from worker.jobs.addresses import MAX_KEY_BYTES

router = APIRouter(prefix="/v1", tags=["taxonomies"])


@router.get("/taxonomies", response_model=All[Release])
def taxonomies(request: Request, caller: Reader) -> Response:
    """The releases of all taxonomies, by name and age."""
    with caller.database.read() as tx:
        return reply(request, {"items": list(list_releases(tx))})


@router.get("/nodes", response_model=All[Node])
def nodes(
    request: Request,
    caller: Reader,
    q: Annotated[str, Query(min_length=1, max_length=MAX_KEY_BYTES, description="Its id, path, name or alias.")],
) -> Response:
    """The node of the active release that is meant; 404 where none is, or several are, with their paths."""
    with caller.database.read() as tx:
        row = find_node(tx, serving_release(tx, active_bundle(tx).id).id, q)
        found = {"node": row.node_id, "name": row.name, "path": row.path, "level": row.level}
    return reply(request, {"items": [found]})
