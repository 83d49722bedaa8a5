"""The Celery task: one line that calls the pipeline."""

from celery import Celery

from worker.app import TASK, checked_ids
from worker.pipeline import Pipeline


def register_tasks(app: Celery, pipeline: Pipeline) -> None:
    """Give the app its one task."""

    @app.task(name=TASK, shared=False)
    def run_jobs(job_ids: list[int]) -> None:
        pipeline.run(checked_ids(job_ids))
