"""`/v1/assets`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from worker.api.callers import Admin, Reader
from worker.api.objects import AssetRecord, Deleted, Id
from worker.api.parts import parts_of
from worker.api.replies import reply
from worker.assets.deletion import delete_asset
from worker.assets.queries import asset_name, show_asset

router = APIRouter(prefix="/v1/assets", tags=["assets"])


@router.get("/{asset_id}", response_model=AssetRecord)
def show(request: Request, caller: Reader, asset_id: Id) -> Response:
    """One asset with its labels, its newest prediction and its newest jobs."""
    with caller.database.read() as tx:
        return reply(request, show_asset(tx, caller.tenant, asset_name(tx, asset_id)))


@router.delete("/{asset_id}", response_model=Deleted)
def delete(request: Request, caller: Admin, asset_id: Id) -> Response:
    """Delete an asset with its labels, decisions and jobs, on the record. There is no way back."""
    with caller.database.read() as tx:
        name = asset_name(tx, asset_id)
    everything = parts_of(request).database  # of the caller's asset: also a job that was submitted for another tenant
    return reply(request, {"deleted": name, "jobs": delete_asset(everything, caller.tenant, name, caller.by)})
