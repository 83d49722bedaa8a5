"""Send what is due: rounds in a bounded pool of threads, so that no webhook holds up another."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy import exists, select

from worker.db.engine import Database
from worker.db.tables import DeliveryRow, WebhookRow
from worker.network.addresses import Resolve, resolve_by_system
from worker.settings import Settings
from worker.supervision.lasting import outlive
from worker.telemetry.metrics import WEBHOOK_FAILURES, WEBHOOKS_DELIVERED, WEBHOOKS_GIVEN_UP
from worker.webhooks.post import Answer, Poster
from worker.webhooks.rounds import NO_EVENT, Round, record_round, select_due, take_round

_MOST = 50  # deliveries in a round
_ROUND_S = 5.0  # after which none of it is begun any more
_SLOW_S = 1.0  # an answer that takes so long
_DUE = 500  # webhooks in one look
_LEASE_SPARE_S = 30.0
_LOOK_S = 0.01


@dataclass(slots=True)
class _Pace:
    """What this worker knows of a webhook: rounds that run, how many may, and whether it is slow or fails."""

    running: int = 0
    allowed: int = 1
    is_ill: bool = False


class Sender:
    """One worker's sender. A webhook begins with one round at a time; full rounds with quick answers double that.

    Those that fail get one delivery at a time, those that are slow a quarter of the threads, and both together half.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        wake: threading.Event | None = None,
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._database = database
        self._poster = Poster(settings, resolve)
        self._slots = settings.webhook_parallel
        self._lease_s = _ROUND_S + settings.webhook_timeout_s + _LEASE_SPARE_S
        self._pool = ThreadPoolExecutor(self._slots, thread_name_prefix="cladist-webhook")
        self._wake = wake or threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._paces: dict[int, _Pace] = {}
        self._last_served = 0

    def turn(self) -> None:
        """Begin as many rounds as may be begun now; the end of each sets `wake`."""
        with self._database.read() as tx:
            due = [(row.id, bool(row.failures)) for row in tx.execute(select_due(tx.now()).limit(_DUE))]
        later = [each for each in due if each[0] > self._last_served]
        for webhook_id, is_failing in [*later, *due[: len(due) - len(later)]]:
            while self._begin(webhook_id, is_failing=is_failing):
                self._pool.submit(self._run, webhook_id)
                self._last_served = webhook_id

    def is_behind(self) -> bool:
        """Whether a delivery is under way, or waits for a webhook that has not just refused it."""
        waiting = select(DeliveryRow.id).where(DeliveryRow.due_at.is_not(None), DeliveryRow.failures == 0)
        of_well = waiting.where(DeliveryRow.webhook_id == WebhookRow.id).correlate(WebhookRow)
        query = select(WebhookRow.id).where(
            WebhookRow.disabled_at.is_(None), WebhookRow.failures == 0, exists(of_well.subquery())
        )
        with self._database.read() as tx:
            return self.is_running() or tx.scalar(query.limit(1)) is not None

    def is_running(self) -> bool:
        """Whether this sender is sending something."""
        with self._lock:
            return any(pace.running for pace in self._paces.values())

    def close(self, patience_s: float) -> None:
        """Begin nothing more, and wait a little for what is being sent: leases of what is left end by themselves."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        end = time.monotonic() + patience_s
        while self.is_running() and time.monotonic() < end:
            time.sleep(_LOOK_S)

    def _begin(self, webhook_id: int, *, is_failing: bool) -> bool:
        """Take a slot for a webhook; False where it may have no more, or none is free."""
        with self._lock:
            pace = self._paces.setdefault(webhook_id, _Pace())
            pace.is_ill = pace.is_ill or is_failing
            pace.allowed = 1 if is_failing else pace.allowed
            running = sum(each.running for each in self._paces.values())
            ill = sum(each.running for each in self._paces.values() if each.is_ill)
            is_full = running >= self._slots or (pace.is_ill and ill >= max(1, self._slots // 2))
            if is_full or pace.running >= pace.allowed or self._stop.is_set():
                return False
            pace.running += 1
            return True

    def _run(self, webhook_id: int) -> None:
        """One round, in a thread of the pool."""
        sent, slowest_s = 0, 0.0
        is_ill = True
        try:
            with self._lock:
                limit = 1 if self._paces[webhook_id].is_ill else _MOST
            with self._database.write() as tx:
                found = take_round(tx, webhook_id, limit, self._lease_s)
            if found is not None:
                answers, slowest_s = self._send(found)
                sent = len(answers)
                is_ill = not all(answer.is_taken or answer is NO_EVENT for answer in answers)
                with self._database.write() as tx:
                    given_up = record_round(tx, found, answers)
                _count(found.webhook_id, answers, given_up)
        except Exception as error:  # noqa: BLE001 (a thread of a pool has nobody to raise to)
            outlive("webhooks", error)
        finally:
            self._end(webhook_id, sent=sent, slowest_s=slowest_s, is_ill=is_ill)
            if sent:
                self._wake.set()

    def _send(self, found: Round) -> tuple[list[Answer], float]:
        """The answers up to the first that is a failure or late, and how long the slowest took."""
        answers: list[Answer] = []
        began, slowest_s = time.monotonic(), 0.0
        for message in found.messages:
            if self._stop.is_set() or time.monotonic() - began > _ROUND_S:
                break
            if message.body is None:
                answers.append(NO_EVENT)
                continue
            asked = time.monotonic()
            headers = found.signer.headers(message.message_id, message.body)
            answers.append(self._poster.post(found.url, headers, message.body))
            slowest_s = max(slowest_s, time.monotonic() - asked)
            if not answers[-1].is_taken:
                break
        return answers, slowest_s

    def _end(self, webhook_id: int, *, sent: int, slowest_s: float, is_ill: bool) -> None:
        """Give the slot back, and learn from how the round went."""
        with self._lock:
            pace = self._paces[webhook_id]
            pace.running -= 1
            if not sent:
                pace.allowed = 1
            elif is_ill:
                pace.allowed, pace.is_ill = 1, True
            elif slowest_s > _SLOW_S:
                pace.allowed, pace.is_ill = max(1, self._slots // 4), True
            else:
                was_full = pace.is_ill or sent == _MOST
                most = self._slots * 3 // 4
                pace.allowed, pace.is_ill = (min(most, 2 * pace.allowed) if was_full else 1), False
            if not pace.running and not pace.is_ill:
                del self._paces[webhook_id]


def _count(webhook_id: int, answers: Sequence[Answer], given_up: int) -> None:
    name = str(webhook_id)
    taken = sum(answer.is_taken for answer in answers)
    WEBHOOKS_DELIVERED.labels(name).inc(taken)
    WEBHOOK_FAILURES.labels(name).inc(len(answers) - taken)
    WEBHOOKS_GIVEN_UP.labels(name).inc(given_up)
