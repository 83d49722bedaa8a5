"""Callers of the HTTP API in this process, each with a key of its own."""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from worker.access.keys import NewKey, Scope, create_key
from worker.db.engine import Database

EVERYTHING = frozenset(Scope)


class ApiCaller:
    """A client of the application with a key; `as_someone` makes others of the same application."""

    def __init__(self, client: TestClient, database: Database, tenant: str, scopes: Collection[Scope]) -> None:
        self.client = client
        self.database = database
        self.key: NewKey = create_key(database, tenant, scopes, "test")

    def as_someone(self, tenant: str, scopes: Collection[Scope] = EVERYTHING) -> "ApiCaller":
        """Another caller."""
        return ApiCaller(self.client, self.database, tenant, scopes)

    def __call__(self, method: str, path: str, **options: Any) -> Response:
        """One request with the key; `headers` adds to it."""
        headers = {"Authorization": f"Bearer {self.key.key}", **options.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **options)

    def submit(self, *uris: str, **headers: str) -> Response:
        """Submit assets by their URIs."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self("POST", "/v1/jobs", json={"assets": [{"uri": uri} for uri in uris]}, headers=given)

    @property
    def app(self) -> FastAPI:
        """The application that is called."""
        app = self.client.app
        assert isinstance(app, FastAPI)
        return app


def problem(response: Response) -> tuple[int, str]:
    """The status and the code of a problem document, which it must be, with the id of its request."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["request_id"] == response.headers["x-request-id"]
    assert document["status"] == response.status_code
    return response.status_code, document["code"]
