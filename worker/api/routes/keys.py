"""`/v1/keys`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from worker.access.keys import list_keys
from worker.api.callers import Admin
from worker.api.objects import All, Key
from worker.api.replies import reply

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.get("", response_model=All[Key])
def list_(request: Request, caller: Admin) -> Response:
    """The keys of your tenant, revoked ones too; none of them is shown itself."""
    with caller.database.read() as tx:
        return reply(request, {"items": list_keys(tx)})
