"""Bodies of requests, before anything reads them: bounded in bytes, time and depth, and only of what can be stored."""

import asyncio
import re
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.api.callers import unauthenticated
from worker.api.problems import Problem, ProblemCode

MAX_DEPTH = 32
_TOTAL_S = 30.0
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
_QUICK_BYTES = 65_536  # what is looked through on the spot; more is done in a thread
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_OTHER_SIGNS = bytes(set(range(256)) - set(b"[]{}"))


class BoundedBodies:
    """Reads a body whole before the application is asked, and refuses early what would be refused anyway."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            _require_sound_head(scope)
            body = await self._read(scope, receive) if scope["method"] in _WITH_BODY else b""
            if body:
                await _require_sound_json(body)
        except Problem as problem:
            await problem.response(scope)(scope, receive, send)
            return
        if body is None:
            return  # the client went away half-way: nothing was done, and nobody is there to be told
        await self.app(scope, _replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when the client went away before its end."""
        headers = dict(scope["headers"])
        _require_json(headers)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.max_bytes:
            raise self._too_large()
        parts, size = [], 0
        try:
            async with asyncio.timeout(_TOTAL_S):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.max_bytes:
                        raise self._too_large()
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            what = f"the body did not arrive within {_TOTAL_S:.0f} s"
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, ProblemCode.SLOW_BODY, what) from None

    def _too_large(self) -> Problem:
        what = f"the body is larger than {self.max_bytes} bytes"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ProblemCode.BODY_TOO_LARGE, what)


def _require_sound_head(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Problem(HTTPStatus.BAD_REQUEST, ProblemCode.INVALID_REQUEST, "the address holds a NUL")
    if scope["path"].startswith("/v1/") and not any(name == b"authorization" for name, _ in scope["headers"]):
        raise unauthenticated()


def _require_json(headers: dict[bytes, bytes]) -> None:
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if encoding != b"identity" or not (kind == b"application/json" or kind.endswith(b"+json")):
        what = "send application/json, not compressed"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, ProblemCode.UNSUPPORTED_BODY, what)


async def _require_sound_json(body: bytes) -> None:
    wrong = _fault(body) if len(body) <= _QUICK_BYTES else await asyncio.to_thread(_fault, body)
    if wrong:
        raise Problem(HTTPStatus.BAD_REQUEST, ProblemCode.INVALID_REQUEST, wrong)


def _fault(body: bytes) -> str | None:
    """What is wrong with JSON that a parser would take, or fall over."""
    if b"\0" in body or _NUL.search(body):
        return "the body holds a NUL"
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return None
    depth = 0
    for sign in _STRING.sub(b"", body).translate(None, _OTHER_SIGNS):
        depth += 1 if sign in b"[{" else -1
        if depth > MAX_DEPTH:
            return f"the body is deeper than {MAX_DEPTH} levels"
    return None


def _replaying(body: bytes, receive: Receive) -> Receive:
    is_told = False

    async def replay() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
