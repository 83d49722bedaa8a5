"""The application: endpoints, layers around them, and the document that describes them."""

from collections.abc import Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from worker.api.bodies import BoundedBodies
from worker.api.observing import Observing
from worker.api.parts import THREADS, Parts
from worker.api.problems import MEDIA_TYPE, ProblemCode, answer_problems
from worker.api.routes import assets, batches, catalog, jobs, keys, labels, monitors, policies, queues

_GZIP_FROM_BYTES = 1024
_NOUNS = (jobs, batches, labels, assets, catalog, policies, queues, keys, monitors)
_PROBLEMS = {
    "400": "The request holds what nobody can read.",
    "401": "No key that holds.",
    "403": "The key lacks a scope.",
    "404": "There is none, or it is another tenant's.",
    "408": "The body came too slowly.",
    "409": "In no state for that, or the same request is being answered just now.",
    "413": "The body is too large.",
    "415": "Not plain JSON.",
    "422": "The request is not as described here, or is refused.",
    "429": "More requests than the key allows.",
    "503": "The database does not answer just now.",
}
_OF_READS = ("401", "403", "404", "422", "429", "503", "400")
_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"enum": [code.value for code in ProblemCode]},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "code": "not_found",
            "detail": "no job has the id 7",
            "request_id": "0f3c2f0d5e0b4a0e8b7c5d1d9a6b4e21",
        }
    ],
}


def make_app(parts: Parts) -> FastAPI:
    """The application over these parts."""
    app = FastAPI(
        title="Cladist",
        version=version("cladist"),
        description="Images in; nodes of your own taxonomy out, with confidences that never contradict each other.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.parts = parts
    for noun in _NOUNS:
        app.include_router(noun.router)
    answer_problems(app)
    app.add_middleware(BoundedBodies, max_bytes=parts.settings.api_max_bytes)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES)
    app.add_middleware(Observing)  # the last one added is the outermost
    _describe_problems(app)
    return app


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> Any:
    """As many threads as there are connections: none waits for the other."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def _describe_problems(app: FastAPI) -> None:
    """Let the document say of each operation what it may be refused with, and of reads that they know ETags."""
    document = app.openapi()
    document["components"]["schemas"]["Problem"] = _PROBLEM_SCHEMA
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for method, operation in _operations(document):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status in _OF_READS if method == "get" else _PROBLEMS:
            operation["responses"][status] = {"description": _PROBLEMS[status], "content": content}
        if method == "get":
            operation["responses"]["304"] = {"description": "`If-None-Match` names what it is now."}


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in document["paths"].values():
        yield from path.items()
