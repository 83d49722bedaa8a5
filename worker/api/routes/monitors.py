"""`/live`, `/ready` and `/metrics`: for monitors, without a key. They tell nothing of any tenant."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from worker.api.parts import parts_of
from worker.errors import DatabaseError
from worker.telemetry.metrics import REGISTRY

router = APIRouter(include_in_schema=False)


@router.get("/live")
def live() -> Response:
    """Whether this process answers at all."""
    return JSONResponse({"ok": True, "reasons": []})


@router.get("/ready")
def ready(request: Request) -> Response:
    """Whether requests can be answered now."""
    parts = parts_of(request)
    reasons = ["stopping"] if parts.stopping.is_set() else []
    try:
        with parts.database.read() as tx:
            tx.execute(text("SELECT 1"))
    except DatabaseError:
        reasons.append("no answer from the database")
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return JSONResponse({"ok": not reasons, "reasons": reasons}, status)


@router.get("/metrics")
def metrics() -> Response:
    """The metrics of this process, for Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_PLAIN_0_0_4)
