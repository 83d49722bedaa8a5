"""Errors as RFC 9457 problem documents, each with a stable code."""

import logging
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from taxonomy import CladistError
from worker.errors import DatabaseError, InvalidMoveError, LookupFailedError, SubmissionError
from worker.telemetry.redaction import safe_message

log = logging.getLogger("cladist.api")

MEDIA_TYPE = "application/problem+json"
_SHOWN_ERRORS = 10
_SHOWN_CHARS = 300
_BUSY_S = 1


class ProblemCode(StrEnum):
    """What went wrong: stable words. Each is explained in docs/howto/api.md."""

    INVALID_REQUEST = "invalid_request"
    UNAUTHENTICATED = "unauthenticated"
    MISSING_SCOPE = "missing_scope"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    SLOW_BODY = "slow_body"
    INVALID_MOVE = "invalid_move"
    IN_FLIGHT = "in_flight"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_BODY = "unsupported_body"
    REFUSED = "refused"
    KEY_REUSED = "key_reused"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"


class Problem(Exception):  # noqa: N818 (the word of RFC 9457)
    """A request that is answered with a problem document."""

    def __init__(
        self,
        status: HTTPStatus,
        code: ProblemCode,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = errors

    def response(self, scope: Mapping[str, Any]) -> Response:
        """The document, with the id of its request."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "code": self.code.value,
            "detail": safe_message(self.detail),
            "request_id": scope.get("state", {}).get("request_id"),
        }
        if self.errors:
            document["errors"] = self.errors
        return JSONResponse(document, self.status.value, self.headers, MEDIA_TYPE)


_OF_ERRORS: Mapping[type[CladistError], tuple[HTTPStatus, ProblemCode]] = MappingProxyType(
    {
        LookupFailedError: (HTTPStatus.NOT_FOUND, ProblemCode.NOT_FOUND),
        InvalidMoveError: (HTTPStatus.CONFLICT, ProblemCode.INVALID_MOVE),
        SubmissionError: (HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.REFUSED),
    }
)


def unexpected() -> Problem:
    """An error of ours, of which nobody outside is told more than that it happened."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, ProblemCode.INTERNAL_ERROR, "an error of ours; the log has it by request_id"
    )


def answer_problems(app: FastAPI) -> None:
    """Answer everything that endpoints raise with problem documents."""
    app.add_exception_handler(Problem, _answer)
    app.add_exception_handler(CladistError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return _problem_of(error).response(request.scope)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    for kind, (status, code) in _OF_ERRORS.items():
        if isinstance(error, kind):
            return Problem(status, code, str(error))
    if isinstance(error, DatabaseError):
        return _of_database(error)
    log.error("unexpected error", exc_info=error)
    return unexpected()


def _of_database(error: DatabaseError) -> Problem:
    """Names neither the database nor its server: that is for the log."""
    log.error("the database does not answer: %s", error)
    what, again = "the database does not answer just now", {"Retry-After": str(_BUSY_S)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, ProblemCode.UNAVAILABLE, what, headers=again)


def _invalid(error: RequestValidationError) -> Problem:
    """Names each place that is wrong, and quotes nothing of what stands there."""
    found = [
        {
            "where": ".".join(map(str, each["loc"]))[:_SHOWN_CHARS],
            "message": safe_message(str(each["msg"]))[:_SHOWN_CHARS],
        }
        for each in error.errors()[:_SHOWN_ERRORS]
    ]
    detail = f"{found[0]['where']}: {found[0]['message']}" if found else "the request is not as the schema says"
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.INVALID_REQUEST, detail, errors=found)


def _of_framework(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    codes = {404: ProblemCode.NOT_FOUND, 405: ProblemCode.METHOD_NOT_ALLOWED}
    code = codes.get(error.status_code, ProblemCode.INVALID_REQUEST)
    return Problem(status, code, str(error.detail), headers=error.headers)
