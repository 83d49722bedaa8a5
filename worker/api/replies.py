"""Answers: JSON, and on reads an ETag, by which a client that has it already is told so."""

import json
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.responses import Response

_READ = ("GET", "HEAD")


def reply(
    request: Request,
    value: Any,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The value as JSON; 304 without a body to a read that names its ETag in `If-None-Match`."""
    return reply_text(request, json.dumps(value, allow_nan=False, default=str, separators=(",", ":")), status, headers)


def reply_text(
    request: Request, body: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """As `reply`, of JSON that is made already."""
    given = dict(headers or {})
    if request.method in _READ:
        etag = f'W/"{sha256(body.encode()).hexdigest()[:32]}"'  # weak: gzip sends other bytes under the same tag
        given |= {"ETag": etag, "Cache-Control": "private, no-cache"}
        if _names(request.headers.get("if-none-match", ""), etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=given)
    return Response(body, status, given, "application/json")


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip() for tag in if_none_match.split(",")]
    return "*" in tags or any(tag.removeprefix("W/") == etag.removeprefix("W/") for tag in tags)
