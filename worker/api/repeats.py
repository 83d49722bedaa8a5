"""`Idempotency-Key`: a POST that is sent again is done once, and answered as it was."""

from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from worker.access.answers import (
    Answered,
    Begun,
    InFlightError,
    OtherRequestError,
    begin_answer,
    forget_answer,
    keep_answer,
)
from worker.access.keys import Caller
from worker.api.problems import Problem, ProblemCode
from worker.api.replies import reply_text

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Of your making, for one request: sent again within 24 hours, it is answered as it was.",
    ),
]


def once(
    request: Request, caller: Caller, key: str | None, body: str, make: Callable[[str | None], Response]
) -> Response:
    """Answer by `make`, which gets a token that is the same for each try; of a repeated request, as it was answered.

    What failed is not kept. Raises Problem while the same request is being answered, and on another body.
    """
    if key is None:
        return make(None)
    begun = _begin(request, caller, key, body)
    if isinstance(begun, Answered):
        return reply_text(request, begun.body, HTTPStatus(begun.status), {"Idempotency-Replayed": "true"})
    try:
        response = make(begun.token)
    except BaseException:
        forget_answer(caller.database, caller.tenant_id, begun)
        raise
    answered = Answered(response.status_code, bytes(response.body).decode())
    keep_answer(caller.database, caller.tenant_id, begun, answered)
    return response


def _begin(request: Request, caller: Caller, key: str, body: str) -> Answered | Begun:
    content = sha256(f"{request.method} {request.url.path}\n{body}".encode()).hexdigest()
    try:
        return begin_answer(caller.database, caller.tenant_id, key, content)
    except InFlightError:
        what = "the same request is being answered just now"
        raise Problem(HTTPStatus.CONFLICT, ProblemCode.IN_FLIGHT, what, headers={"Retry-After": "1"}) from None
    except OtherRequestError:
        what = "the idempotency key was used for another request"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.KEY_REUSED, what) from None
