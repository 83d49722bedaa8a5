"""Tell one sink of events, page after page, in order and at least once."""

import logging
import threading

from worker.db.engine import Database
from worker.db.statements.horizon import Horizon
from worker.db.tables import EventRow, SinkRow
from worker.errors import LookupFailedError
from worker.events.outbox import events_between
from worker.sinks.cursors import Lease, advance, fail, find_sink, is_free, register, take_lease
from worker.sinks.payloads import deliveries_of
from worker.sinks.protocol import Delivery, Sink
from worker.supervision.lasting import ENDED
from worker.supervision.pulses import Pulse
from worker.telemetry.metrics import DELIVERED, SINK_FAILURES

log = logging.getLogger("cladist.sinks")

_PAGE = 200


class Telling:
    """What one worker does for one sink. Workers take turns by the lease; the cursor moves after the sink has returned.

    A worker that stands still in a sink loses its lease, and another tells the same events: some may come twice, and
    those that do may come late. None is passed over.
    """

    def __init__(self, database: Database, sink: Sink, owner: str, *, lease_s: float, retry_base_s: float) -> None:
        self.sink = sink
        self._database = database
        self._owner = owner
        self._lease_s = lease_s
        self._retry_base_s = retry_base_s
        self._horizon = Horizon(EventRow)
        self._is_registered = False

    def turn(self, pulse: Pulse, stop: threading.Event) -> object:
        """Tell all that is safe to tell now, if it is this worker's turn; ENDED once the sink was forgotten."""
        try:
            self._register()
            safe = self._reach()
            lease = self._take() if safe else None
        except LookupFailedError:
            log.warning("sink %s was forgotten: it is told nothing until this worker starts again", self.sink.name)
            return ENDED
        while lease is not None and lease.cursor < safe and not stop.is_set():
            lease = self._tell_page(lease, safe, pulse)
        return None

    def is_behind(self) -> bool:
        """Whether there are events that the sink may be told, and that it has not just refused."""
        with self._database.read() as tx:
            row = tx.get(SinkRow, self.sink.name)
            return row is not None and not row.failures and self._horizon.newest_id(tx) > row.cursor

    def _register(self) -> None:
        if self._is_registered:
            return
        with self._database.write() as tx:
            register(tx, self.sink.name)
        for metric in (DELIVERED, SINK_FAILURES):
            metric.labels(self.sink.name)
        self._is_registered = True

    def _reach(self) -> int:
        """Up to which id there is something to tell for this worker; 0 for nothing."""
        with self._database.read() as tx:
            row = find_sink(tx, self.sink.name)
            if not is_free(row, self._owner, tx.now(), self._lease_s):
                return 0
            safe = self._horizon.safe_id(tx)
            return safe if safe > row.cursor else 0

    def _take(self) -> Lease | None:
        with self._database.write() as tx:
            return take_lease(tx, self.sink.name, self._owner, self._lease_s)

    def _tell_page(self, lease: Lease, safe: int, pulse: Pulse) -> Lease | None:
        """Tell the next page and move the cursor behind it; None when somebody else is to go on, or at another time."""
        with self._database.read() as tx:
            events = events_between(tx, lease.cursor, safe, _PAGE)
            found = deliveries_of(tx, events)
        error = self._deliver(found, pulse) if found else None
        with self._database.write() as tx:
            if error is not None:
                fail(tx, lease, error, self._retry_base_s)
                return None
            held = advance(tx, lease, found[-1].id if len(found) == _PAGE else safe, self._lease_s)
        DELIVERED.labels(self.sink.name).inc(len(found))
        return held

    def _deliver(self, found: list[Delivery], pulse: Pulse) -> str | None:
        """What was wrong; None when the sink has taken them. A sink takes as long as it likes."""
        pulse.rest()
        try:
            self.sink.deliver(found)
        except Exception as error:  # noqa: BLE001 (each sink raises errors of its own)
            message = f"{type(error).__name__}: {error}"
            log.warning("sink %s takes no events, which wait for it: %s", self.sink.name, message)
            SINK_FAILURES.labels(self.sink.name).inc()
            return message
        finally:
            pulse.beat()
        return None
