"""`/v1/jobs`: submit, list, show, cancel, retry, and what policies did."""

import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from worker.access.keys import Caller
from worker.api.callers import Reader, Submitter
from worker.api.objects import Accepted, All, Id, Job, JobWithPrediction, Limit, Page, Routing, Submission
from worker.api.parts import Parts, parts_of
from worker.api.problems import Problem, ProblemCode
from worker.api.repeats import IdempotencyKey, once
from worker.api.replies import reply
from worker.dispatch.queues import Destination
from worker.errors import LookupFailedError, SubmissionError
from worker.jobs.addresses import asset_uri, checked_key
from worker.jobs.queries import jobs_of, page_of_jobs, show_job
from worker.jobs.requests import cancel_job, retry_job
from worker.jobs.submission import Request as JobRequest
from worker.jobs.submission import Submitted, submit_batch
from worker.policies.routings import routings_of
from worker.states import OPEN, Status

MAX_WAIT_S = 30
_FIRST_LOOK_S, _LATER_LOOK_S = 0.05, 0.5
_WAIT = re.compile(r"(?:^|[\s,;])wait=(\d{1,9})(?=$|[\s,;])")
_CURSOR = r"^[0-9]{1,18}$"

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "", status_code=HTTPStatus.ACCEPTED, response_model=Accepted, responses={200: {"model": JobWithPrediction}}
)
def submit(
    request: Request,
    caller: Submitter,
    submission: Submission,
    key: IdempotencyKey = None,
    prefer: Annotated[
        str | None, Header(max_length=200, description=f"`wait=N`: of one asset, wait N seconds, at most {MAX_WAIT_S}.")
    ] = None,
) -> Response:
    """Submit 1 to 1000 assets as one batch.

    All of them are submitted, or none. With `Prefer: wait=N` and one asset: 200 with the job once it has ended, and 202
    where it has not by then.
    """
    parts = parts_of(request)

    def make(token: str | None) -> Response:
        jobs = _submitted(parts, caller, submission, token)
        if (asked_s := _asked_wait_s(prefer)) and len(jobs) == 1:
            applied = {"Preference-Applied": f"wait={asked_s}"}
            if _has_ended(parts, caller, jobs[0].job, asked_s):
                with caller.database.read() as tx:
                    return reply(request, show_job(tx, jobs[0].job), headers=applied)
        batch = next((job.batch for job in jobs if job.batch is not None), None)
        where = {} if batch is None else {"Location": f"/v1/batches/{batch}"}
        return reply(request, {"batch": batch, "jobs": [asdict(job) for job in jobs]}, HTTPStatus.ACCEPTED, where)

    return once(request, caller, key, submission.model_dump_json(), make)


@router.get("", response_model=Page[Job])
def list_(
    request: Request,
    caller: Reader,
    status: Status | None = None,
    batch: Id | None = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(pattern=_CURSOR, description="`next` of the page before.")] = None,
) -> Response:
    """Jobs, the newest first."""
    before = None if cursor is None else int(cursor)
    with caller.database.read() as tx:
        jobs, last = page_of_jobs(tx, status=status, batch=batch, limit=limit, before=before)
    return reply(request, {"items": jobs, "next": None if last is None else str(last)})


@router.get("/{job}", response_model=JobWithPrediction)
def show(request: Request, caller: Reader, job: Id) -> Response:
    """One job, with its prediction once it has succeeded."""
    return _shown(request, caller, job)


@router.get("/{job}/routings", response_model=All[Routing])
def routings(request: Request, caller: Reader, job: Id) -> Response:
    """What policies did with a job, shadows included."""
    with caller.database.read() as tx:
        jobs_of(tx, [job])
        return reply(request, {"items": routings_of(tx, [job])[job]})


@router.post("/{job}/cancel", response_model=JobWithPrediction)
def cancel(request: Request, caller: Submitter, job: Id, key: IdempotencyKey = None) -> Response:
    """Cancel a job that has not ended; what a worker still finds for it is thrown away."""

    def make(_token: str | None) -> Response:
        cancel_job(caller.database, job)
        return _shown(request, caller, job)

    return once(request, caller, key, "", make)


@router.post("/{job}/retry", response_model=JobWithPrediction)
def retry(request: Request, caller: Submitter, job: Id, key: IdempotencyKey = None) -> Response:
    """Queue a failed, dead or cancelled job again, with all its attempts."""

    def make(_token: str | None) -> Response:
        retry_job(caller.database, job)
        return _shown(request, caller, job)

    return once(request, caller, key, "", make)


def _shown(request: Request, caller: Caller, job: int) -> Response:
    with caller.database.read() as tx:
        return reply(request, show_job(tx, job))


def _submitted(parts: Parts, caller: Caller, submission: Submission, token: str | None) -> list[Submitted]:
    """Raises SubmissionError, and Problem where a queue or a bundle is missing."""
    requests = list(_job_requests(parts, submission, token))
    destination = Destination(submission.queue, caller.tenant)
    try:
        (chunk,) = submit_batch(caller.database, requests, destination)
    except LookupFailedError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, ProblemCode.REFUSED, str(error)) from None
    return chunk


def _job_requests(parts: Parts, submission: Submission, token: str | None) -> Iterator[JobRequest]:
    """With a token each asset has a key, so that what was submitted before a crash is not submitted twice."""
    for number, asset in enumerate(submission.assets):
        try:
            for what, value in (("key", asset.key), ("name", asset.name)):
                if value is not None:
                    checked_key(value, what)
            uri = _checked_uri(parts, asset.uri)
        except SubmissionError as error:
            raise SubmissionError(error.message, source=f"assets.{number}") from None
        key = asset.key if asset.key is not None or token is None else f"{token}:{number}"
        yield JobRequest(uri, key, asset.name, metadata=asset.metadata)


def _checked_uri(parts: Parts, text: str) -> str:
    """An absolute address. Files of the workers' machines only where folders were named for that."""
    if "://" not in text:
        raise SubmissionError("the uri is not an absolute address, as https://... is")
    uri = asset_uri(text, Path("/"))
    if uri.startswith("file:") and not parts.settings.asset_roots:
        raise SubmissionError("files may be named only where CLADIST_ASSET_ROOTS says from which folders")
    return uri


def _asked_wait_s(prefer: str | None) -> int:
    found = _WAIT.search(prefer or "")
    return min(int(found[1]), MAX_WAIT_S) if found else 0


def _has_ended(parts: Parts, caller: Caller, job: int, wait_s: float) -> bool:
    """Whether a job ends in this time; False at once when too many wait already, or this process is to stop."""
    if not parts.waiters.acquire(blocking=False):
        return False
    try:
        end, look_s = time.monotonic() + wait_s, _FIRST_LOOK_S
        while True:
            with caller.database.read() as tx:
                (found,) = jobs_of(tx, [job])
            if found["status"] not in OPEN:
                return True
            left_s = end - time.monotonic()
            if left_s <= 0 or parts.stopping.wait(min(look_s, left_s)):
                return False
            look_s = min(look_s * 1.5, _LATER_LOOK_S)
    finally:
        parts.waiters.release()
