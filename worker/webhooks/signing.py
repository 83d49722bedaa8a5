"""Secrets of webhooks, and signatures by them.

Source: the Standard Webhooks specification, https://www.standardwebhooks.com.
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 24
_TOKEN_BYTES = 8


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with every secret that is valid now, the newest first; `repr` does not show them."""

    secrets: Sequence[str] = field(repr=False)

    def headers(self, message_id: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
        """The three headers of a message; `at` is the time of the attempt, by default now."""
        now, text = (at or datetime.now(UTC)).astimezone(UTC), body.decode()
        signatures = (Webhook(secret).sign(message_id, now, text) for secret in self.secrets)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def new_secret() -> str:
    """A secret that nobody has had: `whsec_` and 24 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def new_token() -> str:
    """16 random hexadecimal digits, by which messages of one webhook differ from those of all others."""
    return secrets.token_hex(_TOKEN_BYTES)


def message_id(token: str, number: int | str) -> str:
    """The id of a message, which stays through retries and redeliveries; `number` is that of the event."""
    return f"msg_{token}_{number}"
