"""Jobs whose assets come from the network: each ends by itself, with its code, and no secret in its message."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fixture_types import MakeImages, Submitted
from hostile_site import answer, redirect, serving
from job_rows import all_jobs
from sqlalchemy import select

from worker.db.tables import JobRow
from worker.process.bootstrap import Services, bootstrap
from worker.process.service import run_worker


def test_a_worker_ends_jobs_of_every_kind(services: Services, submitted: Submitted, make_images: MakeImages) -> None:
    """Good ones succeed, bad ones fail with their codes, those of a failing server die alone, by their own attempts."""
    (picture,) = make_images(1)
    image = Path(picture.removeprefix("file://")).read_bytes()
    pages = {"/good": answer(image), "/none": answer(b"", 404), "/busy": answer(b"", 503), "/page": answer(b"<html>")}
    pages |= {"/away": redirect("http://169.254.169.254/"), "/large": answer(bytes(10), Content_Length="999999999")}
    with serving(pages) as site:
        base = f"http://127.0.0.1:{site.port}"
        expected = {
            picture: ("succeeded", None, 1),
            f"{base}/good?sig=secret": ("succeeded", None, 1),
            f"{base}/none?sig=secret": ("failed", "asset_not_found", 1),
            f"{base}/page?sig=secret": ("failed", "unsupported_format", 1),
            f"{base}/large?sig=secret": ("failed", "image_too_large", 1),
            f"{base}/away?sig=secret": ("failed", "forbidden_address", 1),
            "http://127.0.0.2/?sig=secret": ("failed", "forbidden_address", 1),
            "s3://bucket/key": ("failed", "access_denied", 1),
            f"{base}/busy?sig=secret": ("dead", "out_of_attempts", 3),
        }
        ids = submitted(list(expected))
        changes = {"asset_networks": "127.0.0.1/32", **services.settings.model_dump(exclude_unset=True)}
        careful = bootstrap(type(services.settings)(**changes))
        run_worker(careful, drain=True)
        careful.database.close()
    with services.database.read() as session:
        rows = session.scalars(select(JobRow).where(JobRow.id.in_(ids)).order_by(JobRow.id)).all()
        assert [(row.status, row.code, row.attempt) for row in rows] == list(expected.values())
        assert not [row.message for row in rows if "secret" in (row.message or "")]
        assert all(row.message for row in rows if row.status != "succeeded")


class Rationed:
    """A page that answers so many visits a second, and asks all others to come again in a second."""

    def __init__(self, content: bytes, each_second: int, retry_after: Callable[[], str]) -> None:
        self._page = answer(content)
        self._each_second = each_second
        self._retry_after = retry_after
        self._second, self._left = 0, 0
        self.refused = 0

    def __call__(self, visit: BaseHTTPRequestHandler) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, self._each_second
        self._left -= 1
        if self._left >= 0:
            self._page(visit)
        else:
            self.refused += 1
            answer(b"", 429 if self.refused % 2 else 503, Retry_After=self._retry_after())(visit)


def in_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize("retry_after", [lambda: "1", in_a_second], ids=["seconds", "date"])
def test_all_jobs_of_a_host_that_asks_to_wait_succeed_at_last(
    services: Services, submitted: Submitted, make_images: MakeImages, retry_after: Callable[[], str]
) -> None:
    """200 jobs, one attempt in the budget, and a host that takes a few at a time: no attempt is charged for a wait."""
    image = Path(make_images(1)[0].removeprefix("file://")).read_bytes()
    page = Rationed(image, 60, retry_after)
    with serving({"/a": page}) as site:
        submitted([f"http://127.0.0.1:{site.port}/a?{number}" for number in range(200)])
        changes = {"asset_networks": "127.0.0.1/32", "max_attempts": 1, "message_size": 64}
        patient = bootstrap(type(services.settings)(**{**services.settings.model_dump(exclude_unset=True), **changes}))
        run_worker(patient, drain=True)
        patient.database.close()
    assert {(job.status, job.charged) for job in all_jobs(services.database)} == {("succeeded", 1)}
    assert page.refused > 0
    assert len(site.asked) == 200 + page.refused
