"""`/v1/policies`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from worker.api.callers import Reader
from worker.api.objects import All, Policy
from worker.api.replies import reply
from worker.policies.versions import list_policies

router = APIRouter(prefix="/v1/policies", tags=["policies"])


@router.get("", response_model=All[Policy])
def list_(request: Request, caller: Reader) -> Response:
    """The versions of your policies and of those that hold for all, the newest of each first."""
    with caller.database.read() as tx:
        return reply(request, {"items": list_policies(tx)})
