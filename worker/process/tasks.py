"""The Celery task: one line that calls the pipeline."""

import logging
import time

from celery import Celery
from celery.exceptions import Reject

from worker.errors import DatabaseError, StoppingError
from worker.pipeline.pipeline import Pipeline
from worker.process.celery_app import TASK, checked_ids

log = logging.getLogger("cladist.pipeline")

_PAUSE_S = 1.0  # before a message is taken again that could not be worked on


def register_tasks(app: Celery, pipeline: Pipeline) -> None:
    """Give the app its one task.

    It ends, and its message is acknowledged, once its jobs are claimed: from then on their leases keep them, not the
    broker. A message that no job was claimed for goes back to the broker.
    """

    @app.task(name=TASK, shared=False)
    def run_jobs(job_ids: list[int]) -> None:
        try:
            pipeline.accept(checked_ids(job_ids))
        except StoppingError as error:
            raise Reject(error, requeue=True) from error
        except DatabaseError as error:
            log.warning("jobs cannot be claimed: %s", error)
            time.sleep(_PAUSE_S)
            raise Reject(error, requeue=True) from error
