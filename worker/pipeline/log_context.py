"""What log lines say of the jobs that they are about."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import structlog

from worker.jobs.claims import Claim


def claim_fields(claim: Claim) -> dict[str, Any]:
    """What a log line says of one job; for `extra=`."""
    return {"job": claim.job_id, "asset": claim.asset_id, "attempt": claim.attempt}


def about(claims: Sequence[Claim]) -> AbstractContextManager[None]:
    """Every log line inside names these jobs, their assets and attempts."""
    if len(claims) == 1:
        return structlog.contextvars.bound_contextvars(**claim_fields(claims[0]))
    fields = {"job": "jobs", "asset": "assets", "attempt": "attempts"}
    return structlog.contextvars.bound_contextvars(
        **{many: [claim_fields(claim)[one] for claim in claims] for one, many in fields.items()} if claims else {}
    )
