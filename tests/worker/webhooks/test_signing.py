"""Secrets are random and hidden, signatures verify, and waits lie in their bounds."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from worker.telemetry.redaction import safe_message
from worker.webhooks.retries import address_wait, retry_wait
from worker.webhooks.signing import Signer, message_id, new_secret, new_token

BODY = '{"a":"é"}'.encode()


def test_signatures_verify_by_each_secret() -> None:
    """By the library of the standard; not with another body, id, time or secret."""
    one, other = new_secret(), new_secret()
    headers = Signer([one, other]).headers("msg_1", BODY)
    for secret in (one, other):
        assert Webhook(secret).verify(BODY, headers) == {"a": "é"}
    late = Signer([one]).headers("msg_1", BODY, datetime.now(UTC) - timedelta(minutes=6))
    for secret, body, changed in (
        (new_secret(), BODY, headers),
        (one, BODY + b" ", headers),
        (one, BODY, {**headers, "webhook-id": "msg_2"}),
        (one, BODY, late),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, changed)


def test_secrets_are_random_and_hidden() -> None:
    """In a line of a log, and in what Python shows of a signer."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == len({new_token() for _ in range(100)}) == 100
    for secret in secrets:
        assert secret not in repr(Signer([secret]))
        assert secret[10:] not in safe_message(f"signed with {secret} today")
    assert message_id("abc", 7) == "msg_abc_7"


@pytest.mark.parametrize(
    ("failures", "bound"),
    [(1, timedelta(seconds=5)), (2, timedelta(minutes=5)), (9, timedelta(days=1)), (1000, timedelta(days=1))],
)
def test_a_delivery_waits_at_most_so_long(failures: int, bound: timedelta) -> None:
    """Full jitter: anything up to the bound."""
    drawn = [retry_wait(failures) for _ in range(200)]
    assert timedelta(0) <= min(drawn) < 0.2 * bound
    assert 0.8 * bound < max(drawn) <= bound


def test_a_webhook_is_tried_every_five_minutes_at_the_latest() -> None:
    assert max(address_wait(1) for _ in range(200)) <= timedelta(seconds=5)
    assert max(address_wait(10_000) for _ in range(200)) <= timedelta(minutes=5)
