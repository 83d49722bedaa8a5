"""The Celery task: one line that calls the pipeline."""

import logging
import time
from typing import Any

from celery import Celery
from celery.exceptions import Reject

from worker.errors import DatabaseError, StoppingError
from worker.pipeline.pipeline import Pipeline
from worker.process.celery_app import TASK, checked_ids
from worker.process.unreadable import count_unreadable

log = logging.getLogger("cladist.pipeline")

_PAUSE_S = 1.0  # before a message is taken again that could not be worked on


def register_tasks(app: Celery, pipeline: Pipeline) -> None:
    """Give the app its one task.

    It ends, and its message is acknowledged, once its jobs are claimed: from then on their leases keep them, not the
    broker. A message that no job was claimed for goes back to the broker; one without job ids is thrown away.
    """

    @app.task(name=TASK, shared=False)
    def run_jobs(*given: Any, **named: Any) -> None:
        try:
            job_ids = checked_ids(given[0] if len(given) == 1 and not named else None)
        except ValueError:
            count_unreadable("no job ids")
            return
        try:
            pipeline.accept(job_ids)
        except StoppingError as error:
            raise Reject(error, requeue=True) from error
        except DatabaseError as error:
            log.warning("jobs cannot be claimed: %s", error)
            time.sleep(_PAUSE_S)
            raise Reject(error, requeue=True) from error
