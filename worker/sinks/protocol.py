"""What a sink is, and what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from worker.states import EventKind


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event as it is told. Ids grow; an event that is told again has the id that it had, and perhaps newer rows.

    payload: a JSON object with `id` and `type` among others, as docs/howto/events.md shows it.
    """

    id: int
    type: EventKind
    payload: dict[str, Any]


class Sink(Protocol):
    """Somebody who is told of events, always from one thread of a worker, and from one worker at a time.

    name: says where events go, the same in all workers and after each restart, and without passwords; 1 to 200
    characters. By this name it is remembered what was delivered.
    """

    @property
    def name(self) -> str:
        """Where events go."""

    def deliver(self, events: Sequence[Delivery]) -> None:
        """Take events in the order of their ids; when this returns, all are kept.

        Whatever it raises means that they are to come again, all of them, a while later.
        """
