"""Whose request it is: the one place where keys are asked for, counted, and held to their scopes."""

import math
from http import HTTPStatus
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from worker.access.keys import Caller, Scope, find_caller, take_turn
from worker.api.parts import parts_of
from worker.api.problems import Problem, ProblemCode

_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="A key of `cladist keys create`.")


def unauthenticated() -> Problem:
    """The answer to a request without a key that holds: it does not say which of both is the case."""
    what = "send a key that holds: Authorization: Bearer KEY"
    challenge = {"WWW-Authenticate": 'Bearer realm="cladist"'}
    return Problem(HTTPStatus.UNAUTHORIZED, ProblemCode.UNAUTHENTICATED, what, headers=challenge)


def _caller(
    request: Request, needed: SecurityScopes, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    """Raises Problem unless the request has a key that holds, has its turn, and has the scopes."""
    caller = find_caller(parts_of(request).database, given.credentials) if given else None
    if caller is None:
        raise unauthenticated()
    request.state.key_id = caller.key_id
    wait_s = take_turn(caller)
    if wait_s:
        later = {"Retry-After": str(math.ceil(wait_s))}
        what = f"the key allows {caller.rate_per_s:g} requests a second"
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, ProblemCode.RATE_LIMITED, what, headers=later)
    missing = [scope for scope in needed.scopes if scope not in caller.scopes]
    if missing:
        raise Problem(HTTPStatus.FORBIDDEN, ProblemCode.MISSING_SCOPE, f"the key lacks the scope {missing[0]!r}")
    return caller


Reader = Annotated[Caller, Security(_caller, scopes=[Scope.READ.value])]
Submitter = Annotated[Caller, Security(_caller, scopes=[Scope.SUBMIT.value])]
Admin = Annotated[Caller, Security(_caller, scopes=[Scope.ADMIN.value])]
