"""`/v1/batches`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from worker.api.callers import Reader
from worker.api.objects import Batch, Id
from worker.api.replies import reply
from worker.jobs.batches import show_batch

router = APIRouter(prefix="/v1/batches", tags=["batches"])


@router.get("/{batch}", response_model=Batch)
def show(request: Request, caller: Reader, batch: Id) -> Response:
    """How many jobs of a batch are in each state, how many end in a second, and the time that is left."""
    with caller.database.read() as tx:
        return reply(request, show_batch(tx, batch))
