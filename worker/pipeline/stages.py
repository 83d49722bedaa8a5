"""The stages of the pipeline, one function each. They leave what they find, or how it went wrong, with the item."""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from classifier.images.tensors import stacked
from classifier.inference.prediction import AssetPrediction, known_content, read_prediction
from worker.catalog.serving import serving_release
from worker.db.engine import Database
from worker.db.statements.locks import hold_assets, hold_serving_release
from worker.db.transaction import Transaction
from worker.errors import DatabaseError, HostBusyError, RetryableError
from worker.fetch.fetcher import Fetcher
from worker.jobs.claims import Claim, Failure, held_claims
from worker.jobs.shadows import add_shadow_jobs
from worker.jobs.transitions import give_back, mark_failed, mark_succeeded, postpone, try_again
from worker.labels.contents import Content, find_answer, sha256_of
from worker.labels.storage import store_predictions
from worker.pipeline.in_flight import Item
from worker.pipeline.log_context import claim_fields
from worker.policies.hash_lists.loading import KnownContent
from worker.policies.router import Answered, Prepared, Router, UnpreparedError
from worker.policies.rules.errors import PolicyError
from worker.settings import Settings
from worker.states import Code
from worker.telemetry.metrics import stage
from worker.telemetry.redaction import redacted_uri

log = logging.getLogger("cladist.pipeline")

_POLICY_WAIT_S = 60.0


def fetch_content(item: Item, fetcher: Fetcher) -> None:
    """Stage fetch: leaves the bytes of the asset with the item. Raises AssetError, RetryableError."""
    with stage("fetch"):
        item.content = fetcher.fetch(item.claim.uri)


def decode_content(item: Item) -> None:
    """Stage decode: leaves pixels and hashes with the item in place of its content. Raises AssetError."""
    content, item.content = item.content, None
    if item.predictor is not None and content is not None:
        with stage("decode"):
            (item.pixels, item.marks), pdq = item.predictor.picture_and_pdq(content, redacted_uri(item.claim.uri))
            item.hashes = Content(sha256_of(content), pdq.bits, pdq.quality)


def reuse_answer(item: Item, database: Database) -> None:
    """Before decode: leaves with the item the answer that the same content had, if there is one, and no content.

    What needed no model was no answer: a list that knew the content may not know it now. A database that does not
    answer leaves the item to the model.
    """
    if item.predictor is None or item.content is None:
        return
    try:
        release = item.predictor.hierarchy.release
        found = find_answer(database, sha256_of(item.content), item.claim.bundle_id, release)
    except DatabaseError as error:
        log.warning("no earlier answer is looked for: %s", error)
        return
    if found is not None and found.prediction["levels"]:
        item.content, item.hashes = None, found.content
        item.prediction = read_prediction(found.prediction).reused_for(item.claim.uri)


def match_content(item: Item, known: KnownContent) -> None:
    """After decode: leaves with the item the hash lists that know its content, and the answer where one needs no model.

    Raises RetryableError when the lists cannot be read: what may be known content is not let through.
    """
    if item.predictor is None or item.hashes is None:
        return
    hashes = item.hashes
    try:
        found = known.find(item.claim.tenant_id, hashes.sha256, hashes.pdq, hashes.pdq_quality)
    except DatabaseError as error:
        raise RetryableError(f"hash lists cannot be read: {error}") from error
    item.hash_lists = tuple(match.name for match in found)
    skipping = next((match.name for match in found if match.skip_model), None)
    if skipping is not None:
        model, release = item.predictor.bundle.model, item.predictor.hierarchy.release
        item.pixels = None
        item.prediction = known_content(item.claim.uri, release, model, skipping).marked(item.marks)
    if item.prediction is not None:
        item.prediction = item.prediction.known_to(item.hash_lists)


def predict_items(items: Sequence[Item]) -> None:
    """Stage predict: one forward pass over the items of one predictor that have pixels."""
    if not items or (predictor := items[0].predictor) is None:
        return
    pixels = stacked([item.pixels for item in items if item.pixels is not None])
    with stage("predict", len(items)):
        predictions = predictor.predict([item.claim.uri for item in items], pixels)
    for item, prediction in zip(items, predictions, strict=True):
        item.prediction, item.pixels = prediction.marked(item.marks).known_to(item.hash_lists), None


def store_items(items: Sequence[Item], database: Database, settings: Settings, router: Router) -> None:
    """Stage store: labels, decisions, routings and states of the items in one transaction, fenced by their attempts.

    Policies that became active a moment ago are compiled between two tries. Where one cannot be, its jobs wait for it,
    and are charged no attempt.
    """
    prepared: Prepared = {}
    with stage("store"):
        while True:
            try:
                failed = _store_items(items, database, settings, router, prepared)
                break
            except UnpreparedError as missing:
                try:
                    prepared |= router.prepare(missing)
                except PolicyError as error:
                    _wait_for_policy(items, error)
    for failure in failed:
        fields = claim_fields(failure.claim)
        log.info("job %d failed: %s: %s", failure.claim.job_id, failure.code, failure.message, extra=fields)


def _wait_for_policy(items: Sequence[Item], error: PolicyError) -> None:
    log.error("jobs wait for a policy that cannot be used: %s", error)
    for item in items:
        if item.prediction is not None:
            item.prediction, item.error = None, HostBusyError(f"the policy {error}", _POLICY_WAIT_S)


def _store_items(
    items: Sequence[Item], database: Database, settings: Settings, router: Router, prepared: Prepared
) -> list[Failure]:
    """What failed for good."""
    with database.write() as tx:
        held = set(held_claims(tx, [item.claim for item in items]))
        alive = [item for item in items if item.claim in held]
        predicted = sorted((item for item in alive if item.prediction is not None), key=_answered_by)
        if predicted:
            hold_assets(tx, [item.claim.asset_id for item in predicted])
        for _, group in groupby(predicted, key=_answered_by):
            _store_predictions(tx, list(group), router, prepared)
        failed = [Failure(item.claim, item.code, str(item.error)) for item in alive if item.code is not None]
        mark_failed(tx, failed)
        for item in alive:
            if item.error is not None and item.code is None:
                _try_again(tx, item, settings)
        give_back(tx, [item.claim for item in alive if item.is_given_back])
    return failed


def isolate(action: Callable[[Sequence[Item]], None], items: Sequence[Item]) -> None:
    """Run an action on items, and where it fails on each half of them, so that only the culprit keeps the error.

    Raises DatabaseError, for which no item is to blame.
    """
    if not items:
        return
    try:
        action(items)
        return
    except DatabaseError:
        raise
    except Exception as error:
        if len(items) == 1:
            log.exception("job %d, %s: stopped by an error", items[0].claim.job_id, redacted_uri(items[0].claim.uri))
            items[0].fail(error)
            return
    middle = len(items) // 2  # when the error is forgotten, with all that it held
    isolate(action, items[:middle])
    isolate(action, items[middle:])


def _answered_by(item: Item) -> tuple[int, str]:
    """The bundle, and the release that it answered in: another one may have been activated while items were waiting."""
    return item.claim.bundle_id, item.predictor.hierarchy.release if item.predictor else ""


def _store_predictions(tx: Transaction, items: Sequence[Item], router: Router, prepared: Prepared) -> None:
    if not items or (predictor := items[0].predictor) is None:
        return
    hold_serving_release(tx, items[0].claim.bundle_id)
    serving = serving_release(tx, items[0].claim.bundle_id)
    if serving.release != predictor.hierarchy.release:  # another one was activated meanwhile: answer anew, in that
        give_back(tx, [item.claim for item in items])
        return
    contents = {item.claim.job_id: item.hashes for item in items if item.hashes is not None}
    results = [(item.claim, item.prediction) for item in items if item.prediction is not None]
    store_predictions(tx, results, serving.id, contents)
    mark_succeeded(tx, [item.claim for item in items])
    answered = [_answered(*result, contents) for result in results]
    router.route(tx, answered, serving.id, predictor.hierarchy, prepared)
    add_shadow_jobs(tx, [claim for claim, _ in results])


def _answered(claim: Claim, prediction: AssetPrediction, contents: Mapping[int, Content]) -> Answered:
    content = contents.get(claim.job_id)
    submitted = claim.name, claim.metadata, claim.is_shadow, claim.submitted_at
    sha256 = content.sha256 if content else None
    return Answered(claim.job_id, claim.asset_id, claim.tenant_id, *submitted, prediction, sha256)


def _try_again(tx: Transaction, item: Item, settings: Settings) -> None:
    message = f"{type(item.error).__name__}: {item.error}"
    if isinstance(item.error, HostBusyError):
        postpone(tx, [item.claim], message, item.error.wait_s)
        return
    code = None if isinstance(item.error, RetryableError) else Code.INTERNAL_ERROR
    attempts, wait_s = settings.max_attempts, settings.retry_base_s
    try_again(tx, [item.claim], message, max_attempts=attempts, wait_s=wait_s, code=code)
