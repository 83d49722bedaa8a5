"""`Idempotency-Key`: done once, answered the same; 409 in flight, 422 for another request, a day long, by tenant."""

import threading
from datetime import timedelta

import pytest
from api_callers import ApiCaller, problem
from sqlalchemy import func, select, update

from worker.access.answers import KEPT, purge_answers
from worker.db.engine import Database
from worker.db.tables import AnswerRow, JobRow

pytestmark = pytest.mark.usefixtures("bundle")


def jobs(database: Database) -> int:
    with database.read() as tx:
        return tx.scalar(select(func.count()).select_from(JobRow)) or 0


def age(database: Database, by: timedelta) -> None:
    with database.write() as tx:
        row = tx.scalars(select(AnswerRow)).one()
        row.begun_at -= by
        row.claimed_at -= by


def test_a_request_that_is_sent_again_gets_the_same_answer(shop: ApiCaller, database: Database) -> None:
    """Byte by byte, with one job; how the body is written does not matter."""
    first = shop.submit("https://example.com/a.jpg", Idempotency_Key="k")
    spaced = b'{ "assets" : [ {"uri": "https://example.com/a.jpg"} ] }'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    again = shop("POST", "/v1/jobs", content=spaced, headers=headers)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert jobs(database) == 1


def test_another_request_with_the_key_is_refused(shop: ApiCaller, database: Database) -> None:
    """Another body, or another address; the key of another tenant is another key."""
    job = shop.submit("https://example.com/a.jpg", Idempotency_Key="k").json()["jobs"][0]["job"]
    assert problem(shop.submit("https://example.com/b.jpg", Idempotency_Key="k")) == (422, "key_reused")
    cancel = shop("POST", f"/v1/jobs/{job}/cancel", headers={"Idempotency-Key": "k"})
    assert problem(cancel) == (422, "key_reused")
    stranger = shop.as_someone("stranger").submit("https://example.com/b.jpg", Idempotency_Key="k")
    assert stranger.status_code == 202
    assert jobs(database) == 2


def test_a_request_that_is_being_answered_is_not_answered_twice(shop: ApiCaller, database: Database) -> None:
    """409 while the first one waits; afterwards its answer."""
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(shop.submit("https://example.com/a.jpg", Idempotency_Key="k", Prefer="wait=2"))
    )
    waiting.start()
    while not jobs(database):
        pass
    assert problem(shop.submit("https://example.com/a.jpg", Idempotency_Key="k")) == (409, "in_flight")
    waiting.join()
    assert shop.submit("https://example.com/a.jpg", Idempotency_Key="k").content == answers[0].content


def test_who_died_while_answering_has_submitted_once(shop: ApiCaller, database: Database) -> None:
    """Its jobs are there, its answer is not: who sends the request again gets these jobs."""
    first = shop.submit("https://example.com/a.jpg", "https://example.com/b.jpg", Idempotency_Key="k").json()
    with database.write() as tx:
        tx.execute(update(AnswerRow).values(status=None, body=None))
    again = ("https://example.com/a.jpg", "https://example.com/b.jpg")
    assert problem(shop.submit(*again, Idempotency_Key="k")) == (409, "in_flight")
    age(database, timedelta(minutes=3))
    assert shop.submit(*again, Idempotency_Key="k").json() == first
    assert jobs(database) == 2


def test_what_failed_may_be_sent_again(shop: ApiCaller, database: Database) -> None:
    """A refusal is not kept."""
    assert problem(shop.submit("nonsense", Idempotency_Key="k")) == (422, "refused")
    assert shop.submit("https://example.com/a.jpg", Idempotency_Key="k").status_code == 202
    assert jobs(database) == 1


def test_answers_are_kept_for_a_day(shop: ApiCaller, database: Database) -> None:
    """After it the same request is a new one; a worker deletes those that nobody asks for."""
    shop.submit("https://example.com/a.jpg", Idempotency_Key="k")
    assert list(purge_answers(database)) == []
    age(database, KEPT + timedelta(seconds=1))
    assert "idempotency-replayed" not in shop.submit("https://example.com/a.jpg", Idempotency_Key="k").headers
    assert jobs(database) == 2
    age(database, KEPT + timedelta(seconds=1))
    assert list(purge_answers(database)) == [1]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_that_is_none_is_refused(shop: ApiCaller, key: str) -> None:
    answer = shop("POST", "/v1/jobs/1/cancel", headers={"Idempotency-Key": key.encode()})
    assert problem(answer) == (422, "invalid_request")
