"""A worker process, as `cladist worker --drain`, in which some assets do harm when they are decoded.

An asset that ends in one of these words kills the process, hangs, eats memory, or raises what nobody expects.
"""

import logging
import os
import signal
import threading
from pathlib import Path

from altered_predictors import AlteredPredictor, AlteredPredictors

from classifier.images.pdq import Pdq
from classifier.inference.predictor import PreparedPicture
from worker.db.engine import open_database
from worker.pipeline.parallelism import set_up_process
from worker.pipeline.pipeline import Pipeline
from worker.process.bootstrap import Services
from worker.process.celery_app import make_app
from worker.process.service import run_worker
from worker.process.tasks import register_tasks
from worker.settings import Settings

HUNGER_BYTES = 16 * 2**30  # more than the limit that the test sets


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    threading.Event().wait()


def _eat() -> None:
    bytearray(HUNGER_BYTES)


def _raise() -> None:
    raise ZeroDivisionError("a bug in a decoder")


HARM = {b"kill": _kill, b"hang": _hang, b"eat": _eat, b"raise": _raise}


class PoisonedPredictor(AlteredPredictor):
    """A predictor whose decoding obeys the asset."""

    def picture_and_pdq(self, content: bytes, source: str) -> tuple[PreparedPicture, Pdq]:
        for word, harm in HARM.items():
            if content.endswith(word):
                harm()
        return super().picture_and_pdq(content, source)


def poison(uri: str, word: bytes) -> str:
    """Let an image end in a word; decoders do not mind."""
    with Path(uri.removeprefix("file://")).open("ab") as stream:
        stream.write(word)
    return uri


def main() -> None:
    settings = Settings()
    logging.basicConfig(level=logging.WARNING)
    set_up_process(settings)
    database = open_database(settings.database_url)
    app = make_app(settings)
    pipeline = Pipeline(database, AlteredPredictors(database, PoisonedPredictor), settings)
    register_tasks(app, pipeline)
    run_worker(Services(settings, database, app, pipeline), drain=True)


if __name__ == "__main__":
    main()
