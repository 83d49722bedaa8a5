"""`/v1/queues`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from worker.api.callers import Reader
from worker.api.objects import All, Queue
from worker.api.replies import reply
from worker.dispatch.queues import list_queues

router = APIRouter(prefix="/v1/queues", tags=["queues"])


@router.get("", response_model=All[Queue])
def list_(request: Request, caller: Reader) -> Response:
    """The job queues, those that are published first before the others."""
    with caller.database.read() as tx:
        return reply(request, {"items": list_queues(tx)})
