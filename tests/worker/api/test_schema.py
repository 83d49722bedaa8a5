"""The OpenAPI document is kept: whatever it allows, and much that it does not, is answered as it says."""

from typing import Any

import pytest
import schemathesis
from api_callers import ApiCaller
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.usefixtures("bundle")

_EXAMPLES = 25  # for each operation
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_no_request_is_answered_otherwise_than_the_document_says(shop: ApiCaller) -> None:
    """Every operation with generated requests, by a key that may do everything: no server error, no other status."""
    shop.submit("https://example.com/a.jpg", "https://example.com/b.jpg")
    schema = schemathesis.openapi.from_asgi("/openapi.json", shop.app)
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr] # of an error it raises, as it should
        seen.add(f"{operation.method.upper()} {operation.path}")
        _try(shop, operation)
    assert len(seen) == sum(map(len, shop.app.openapi()["paths"].values()))


def _try(shop: ApiCaller, operation: Any) -> None:
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(max_examples=_EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases)
    def send(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {shop.key.key}"}
        case.headers.pop("prefer", None)
        case.call_and_validate(checks=_CHECKS)

    send()
