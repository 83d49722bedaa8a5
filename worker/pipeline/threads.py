"""The threads that take claimed jobs through the stages: to fetch, to decode, for the model, and one for the store."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from queue import Queue
from typing import TypeVar

import torch

from classifier.errors import AssetError, BundleError
from classifier.inference.predictor import Predictor
from classifier.networks.devices import default_device
from worker.db.engine import Database
from worker.errors import DatabaseError, RetryableError
from worker.fetch.fetcher import Fetcher
from worker.jobs.claims import Claim
from worker.models.predictors import Predictors
from worker.pipeline.batch_size import BatchSizes
from worker.pipeline.batcher import Batcher
from worker.pipeline.in_flight import InFlight, Item, Stage
from worker.pipeline.log_context import about
from worker.pipeline.parallelism import forward_passes
from worker.pipeline.stages import (
    decode_content,
    fetch_content,
    isolate,
    match_content,
    predict_items,
    reuse_answer,
    store_items,
)
from worker.pipeline.watchdog import Watchdog
from worker.policies.hash_lists.loading import KnownContent
from worker.policies.router import Router
from worker.settings import Settings
from worker.states import Code
from worker.supervision.lasting import ENDED, LastingThread, end_process, outlive
from worker.supervision.pulses import Pulses
from worker.telemetry.redaction import redacted_uri

log = logging.getLogger("cladist.pipeline")

T = TypeVar("T")

_PAUSE_S = 0.5  # before the database is asked again when it did not answer
_STORE_AHEAD = 2  # batches of each forward pass that may wait for the store while the model goes on


class StageThreads:
    """Running threads. Each claim that enters is finished, or given back, or left to its lease without a database."""

    def __init__(
        self,
        database: Database,
        predictors: Predictors,
        known: KnownContent,
        settings: Settings,
        in_flight: InFlight,
        sizes: BatchSizes,
        pulses: Pulses,
        on_finished: Callable[[], None],
    ) -> None:
        self._database = database
        self._predictors = predictors
        self._known = known
        self._settings = settings
        self._in_flight = in_flight
        self._batcher = Batcher()
        self._sizes = sizes
        self._fetcher = Fetcher(settings)
        self._router = Router(database)
        self._on_finished = on_finished
        self._is_closing = threading.Event()
        passes, self._pass_threads = forward_passes(default_device())
        self._to_store: Queue[list[Item] | None] = Queue(_STORE_AHEAD * passes)
        # Torch counts threads for each of ours: a decoder must not start a team of its own to copy one image.
        decoders = settings.decode_threads or len(os.sched_getaffinity(0))
        self._decoders = ThreadPoolExecutor(decoders, "cladist-decode", torch.set_num_threads, (1,))
        self._fetchers = ThreadPoolExecutor(settings.fetch_threads, "cladist-fetch")
        self._contents = threading.BoundedSemaphore(settings.fetch_threads + decoders)  # held in memory at once
        stuck_s = settings.stuck_s
        self._models = [
            LastingThread(f"model-{number}", partial(self._predict_next, number), pulses=pulses, bound_s=stuck_s)
            for number in range(passes)
        ]
        self._store_thread = LastingThread("store", self._store_next, pulses=pulses, bound_s=stuck_s)
        self._watchdog = Watchdog(database, in_flight, settings, pulses)
        for thread in (*self._models, self._store_thread):
            thread.start()
        self._watchdog.start()

    def enter(self, claims: Sequence[Claim]) -> None:
        """Take claims in."""
        items = [Item(claim) for claim in claims]
        self._in_flight.add(items)
        items.sort(key=lambda item: item.claim.bundle_id)
        try:
            for bundle_id, group in groupby(items, key=lambda item: item.claim.bundle_id):
                self._enter_bundle(bundle_id, list(group))
        except DatabaseError:
            self._in_flight.remove(item for item in items if item.predictor is None and item.stage is Stage.WAITING)
            raise

    def close(self, grace_s: float) -> bool:
        """Finish what was begun, give back what was not, and end all threads. False when that takes too long."""
        self._is_closing.set()
        if not self._in_flight.wait_until_empty(grace_s):
            return False
        self._fetchers.shutdown()
        self._decoders.shutdown()
        self._batcher.close()
        for thread in self._models:
            thread.join()
        self._to_store.put(None)
        self._store_thread.join()
        self._watchdog.stop()
        return True

    def _enter_bundle(self, bundle_id: int, items: Sequence[Item]) -> None:
        try:
            predictor = self._insist(lambda: self._predictors.get(bundle_id))
            batch_size = self._batch_size(predictor)
        except DatabaseError:
            raise
        except BundleError as error:
            self._fail_all(items, error, error.code)
        except RetryableError as error:
            self._fail_all(items, error)
        except Exception as error:
            log.exception("bundle %d cannot be loaded", bundle_id)
            self._fail_all(items, error)
        else:
            self._batcher.expect(predictor, len(items), batch_size)
            for item in items:
                item.predictor = predictor
                self._fetchers.submit(self._in_pool, "fetch", self._fetch, item)

    def _batch_size(self, predictor: Predictor) -> int:
        known = self._sizes.known(predictor)
        if known is not None:
            return known
        with ThreadPoolExecutor(1, "cladist-measure", torch.set_num_threads, (self._pass_threads,)) as alone:
            return alone.submit(self._sizes.measure, predictor).result()

    def _fail_all(self, items: Sequence[Item], error: Exception, code: Code | None = None) -> None:
        self._batcher.expect(None, len(items), len(items))
        for item in items:
            item.fail(error, code)
            self._put(item)

    def _in_pool(self, name: str, action: Callable[[Item], None], item: Item) -> None:
        """Do what a pool does for one item; an error between the stages is the item's, as nobody reads the future."""
        try:
            action(item)
        except Exception as error:  # noqa: BLE001 (whatever it is, the item has it)
            outlive(name, error)
            item.fail(error)
            self._put(item)
        except BaseException:  # noqa: BLE001 (the process ends)
            end_process(name)

    def _fetch(self, item: Item) -> None:
        self._contents.acquire()  # a decoder gives it back
        self._attempt(item, Stage.FETCH, lambda: fetch_content(item, self._fetcher))
        if item.content is None:
            self._contents.release()
            self._put(item)
        else:
            self._in_flight.enter(Stage.WAITING, [item])
            self._decoders.submit(self._in_pool, "decode", self._decode, item)

    def _decode(self, item: Item) -> None:
        self._attempt(item, Stage.DECODE, lambda: self._look(item))
        self._contents.release()
        self._put(item)

    def _look(self, item: Item) -> None:
        if self._settings.reuse == "content":
            reuse_answer(item, self._database)
        decode_content(item)
        match_content(item, self._known)

    def _attempt(self, item: Item, stage: Stage, action: Callable[[], None]) -> None:
        """Do a stage of one item, which keeps the error if there is one; untried when these threads are to end."""
        item.is_given_back = self._is_closing.is_set()
        if item.is_given_back:
            item.content = None
            return
        self._in_flight.enter(stage, [item])
        try:
            with about([item.claim]):
                action()
        except AssetError as error:
            item.fail(error, error.code)
        except RetryableError as error:
            item.fail(error)
        except Exception as error:
            log.exception("job %d, %s: stopped by an error", item.claim.job_id, redacted_uri(item.claim.uri))
            item.fail(error)

    def _put(self, item: Item) -> None:
        self._in_flight.enter(Stage.READY, [item])
        self._batcher.put(item)

    def _predict_next(self, number: int) -> object:
        torch.set_num_threads(self._pass_threads)  # of this thread
        pulse = self._models[number].pulse
        pulse.rest()
        batch = self._batcher.take()
        pulse.beat()
        if batch is None:
            return ENDED
        self._in_flight.enter(Stage.PREDICT, batch)
        try:
            with about([item.claim for item in batch]):
                isolate(predict_items, [item for item in batch if item.pixels is not None])
        except Exception as error:  # noqa: BLE001 (whatever it is, the items have it)
            outlive(f"model-{number}", error)
            for item in batch:
                item.fail(error)
        self._to_store.put(batch)
        return None

    def _store_next(self) -> object:
        pulse = self._store_thread.pulse
        pulse.rest()
        batch = self._waiting_batches()
        pulse.beat()
        if batch is None:
            return ENDED
        self._in_flight.enter(Stage.STORE, batch)
        try:
            self._insist(lambda: self._store(batch))
        except Exception as error:
            outlive("store", error)
            log.exception("a batch of %d jobs could not be stored: their leases will end", len(batch))
        finally:
            self._in_flight.remove(batch)
        self._on_finished()
        return None

    def _waiting_batches(self) -> list[Item] | None:
        """All that waits for the store, for one transaction: a slow database has fewer to do. None at the end."""
        found = self._to_store.get()
        while found is not None and not self._to_store.empty():
            if (more := self._to_store.get()) is None:
                self._to_store.put(None)  # nobody else puts by now: the end is for the next time
                break
            found = found + more
        return found

    def _store(self, batch: Sequence[Item]) -> None:
        sound = [item for item in batch if item.error is None]
        isolate(lambda items: store_items(items, self._database, self._settings, self._router), batch)
        culprits = [item for item in sound if item.error is not None]
        if culprits:
            store_items(culprits, self._database, self._settings, self._router)

    def _insist(self, action: Callable[[], T]) -> T:
        """Do what needs the database, again and again for as long as a lease: a commit that was cut off is fenced."""
        end = time.monotonic() + self._settings.lease_s
        while True:
            try:
                return action()
            except DatabaseError as error:
                if time.monotonic() > end:
                    raise
                log.warning("the database does not answer: %s", error)
                time.sleep(_PAUSE_S)
