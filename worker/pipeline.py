"""The pipeline of a batch of jobs: claim, fetch, decode, predict, decide, store."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

import torch
from sqlalchemy.orm import Session
from torch import Tensor

from classifier.errors import AssetError, BundleError
from classifier.runtime import Predictor
from worker.catalogue import serving_release
from worker.claims import (
    Claim,
    Failure,
    claim_jobs,
    extend_leases,
    held_claims,
    mark_failed,
    mark_succeeded,
    try_again,
)
from worker.database import Database
from worker.errors import DatabaseError, RetryableError
from worker.fetch import fetch
from worker.jobs import Code
from worker.labels import store_predictions
from worker.monitoring.logs import about, claim_fields
from worker.monitoring.metrics import stage
from worker.monitoring.tracing import span
from worker.orm import BundleRow
from worker.registry import Predictors
from worker.settings import Settings

log = logging.getLogger("cladist.pipeline")

_HEARTBEATS_PER_LEASE = 3


class Pipeline:
    """What a worker does with the job ids of one message."""

    def __init__(self, database: Database, predictors: Predictors, settings: Settings) -> None:
        self._database = database
        self._predictors = predictors
        self._settings = settings

    def run(self, job_ids: Sequence[int]) -> int:
        """Run the jobs that are still to be run and return how many; each succeeds or fails by itself.

        An error that is no asset's fault gives the jobs back for another attempt and is raised.
        """
        settings = self._settings
        claims = claim_jobs(self._database, job_ids, settings.worker_name, settings.lease_s)
        with about(claims), span("batch", {"cladist.jobs": len(claims)}), self._heartbeat(claims):
            for bundle_id, group in groupby(sorted(claims, key=lambda c: c.bundle_id), key=lambda c: c.bundle_id):
                batch = list(group)
                try:
                    self._run_bundle(bundle_id, batch)
                except DatabaseError:
                    raise  # nothing can be written now; the leases end and the reaper brings the jobs back
                except Exception as error:
                    self._give_back(batch, error)
                    if not isinstance(error, RetryableError):
                        raise
        return len(claims)

    def _run_bundle(self, bundle_id: int, claims: Sequence[Claim]) -> None:
        try:
            predictor = self._predictors.get(bundle_id)
        except BundleError as error:
            self._store([], [Failure(claim, Code(error.code), str(error)) for claim in claims], None)
            return
        for start in range(0, len(claims), self._settings.batch_size):
            ready, failures = self._prepare(predictor, claims[start : start + self._settings.batch_size])
            self._store(ready, failures, predictor)

    def _prepare(
        self, predictor: Predictor, claims: Sequence[Claim]
    ) -> tuple[list[tuple[Claim, Tensor]], list[Failure]]:
        ready: list[tuple[Claim, Tensor]] = []
        failures: list[Failure] = []
        for claim in claims:
            try:
                with stage("fetch"):
                    content = fetch(claim.uri, self._settings.asset_roots)
                with stage("decode"):
                    ready.append((claim, predictor.pixels(content, claim.uri)))
            except AssetError as error:
                failures.append(Failure(claim, Code(error.code), str(error)))
        return ready, failures

    def _store(
        self,
        ready: Sequence[tuple[Claim, Tensor]],
        failures: Sequence[Failure],
        predictor: Predictor | None,
    ) -> None:
        """Predict what is ready, then write labels, decisions and states of the whole batch in one transaction."""
        claims = [claim for claim, _ in ready]
        predictions = []
        if predictor is not None and ready:
            with stage("predict", len(ready)):
                predictions = predictor.predict([claim.uri for claim in claims], torch.stack([x for _, x in ready]))
        by_job = {claim.job_id: prediction for claim, prediction in zip(claims, predictions, strict=True)}
        with stage("store"), self._database.write() as session:
            held = held_claims(session, [*claims, *(failure.claim for failure in failures)])
            held_ids = {claim.job_id for claim in held}
            done = [claim for claim in held if claim.job_id in by_job]
            if done and predictor is not None:
                release_id = self._served(session, done[0].bundle_id, predictor)
                store_predictions(session, [(claim, by_job[claim.job_id]) for claim in done], release_id)
                mark_succeeded(self._database, session, done)
            mark_failed(self._database, session, [f for f in failures if f.claim.job_id in held_ids])
        for failure in failures:
            fields = claim_fields(failure.claim)
            log.info("job %d failed: %s: %s", failure.claim.job_id, failure.code, failure.message, extra=fields)

    def _served(self, session: Session, bundle_id: int, predictor: Predictor) -> int:
        """The number of the release that it answered in. Raises RetryableError when another is active by now."""
        release = serving_release(session, session.get_one(BundleRow, bundle_id))
        if release.release != predictor.hierarchy.release:
            raise RetryableError("another taxonomy release was activated while the batch ran")
        return release.id

    def _give_back(self, claims: Sequence[Claim], error: Exception) -> None:
        message = f"{type(error).__name__}: {error}"
        settings = self._settings
        with self._database.write() as session:
            held = held_claims(session, claims)
            wait_s = settings.retry_base_s
            try_again(self._database, session, held, message, max_attempts=settings.max_attempts, wait_s=wait_s)

    @contextmanager
    def _heartbeat(self, claims: Sequence[Claim]) -> Iterator[None]:
        """Extend the leases of a batch while it runs; a missed beat is made up by the next."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(self._settings.lease_s / _HEARTBEATS_PER_LEASE):
                try:
                    extend_leases(self._database, claims, self._settings.lease_s)
                except DatabaseError as error:
                    log.warning("heartbeat: %s", error)

        thread = threading.Thread(target=beat, name="cladist-heartbeat", daemon=True)
        if claims:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            if claims:
                thread.join()
