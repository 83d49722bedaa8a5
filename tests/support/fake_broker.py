"""A broker in memory, and a worker that ends what it is told to."""

from collections import deque
from collections.abc import Sequence

from worker.db.engine import Database
from worker.dispatch.relay import relay_once
from worker.jobs.claims import claim_jobs, held_claims
from worker.jobs.transitions import mark_succeeded


class Broker:
    """A broker that remembers messages, and may refuse them."""

    def __init__(self) -> None:
        self.messages: deque[list[int]] = deque()
        self.is_down = False

    def publish(self, job_ids: Sequence[int]) -> None:
        if self.is_down:
            raise OSError("the broker is down")
        self.messages.append(list(job_ids))

    def published(self) -> list[int]:
        """Take all messages out, and return their job ids in order."""
        found = [job_id for message in self.messages for job_id in message]
        self.messages.clear()
        return found


def relay(database: Database, broker: Broker, message_size: int = 8, window: int = 100, ahead: int = 100) -> int:
    return relay_once(database, broker.publish, message_size=message_size, ahead=ahead, window=window)


def run(database: Database, job_ids: Sequence[int]) -> None:
    """Claim jobs and let them succeed."""
    claims = claim_jobs(database, job_ids, "w", 60.0)
    with database.write() as session:
        mark_succeeded(session, held_claims(session, claims))
