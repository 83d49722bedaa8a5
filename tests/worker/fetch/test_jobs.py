"""Jobs whose assets come from the network: each ends by itself, with its code, and no secret in its message."""

from pathlib import Path

from fixture_types import MakeImages, Submitted
from hostile_site import answer, redirect, serving
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
