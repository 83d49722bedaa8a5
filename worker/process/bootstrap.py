"""The one composition root: from settings to the parts of a running Cladist."""

import threading
from dataclasses import dataclass, field

from celery import Celery

from worker.db.engine import Database, open_database
from worker.models.predictors import Predictors
from worker.pipeline.pipeline import Pipeline
from worker.process.celery_app import make_app
from worker.process.tasks import register_tasks
from worker.settings import Settings
from worker.sinks.protocol import Sink
from worker.sinks.registry import open_sinks


@dataclass(frozen=True, slots=True)
class Services:
    """What a worker process is made of."""

    settings: Settings
    database: Database
    app: Celery
    pipeline: Pipeline
    finished: threading.Event = field(default_factory=threading.Event)  # some jobs of this process have ended
    sinks: tuple[Sink, ...] = ()  # which are told of events

    def close(self) -> None:
        """End the pipeline's threads and close the database."""
        self.pipeline.close()
        self.database.close()


def bootstrap(settings: Settings) -> Services:
    """Make all parts. Raises SinkError on a sink that cannot be, DatabaseError when the database cannot be used."""
    sinks = open_sinks(settings)
    database = open_database(settings.database_url)
    app = make_app(settings)
    finished = threading.Event()
    predictors = Predictors(database, settings.bundles_in_memory, settings.precision, settings.decode_limits)
    pipeline = Pipeline(database, predictors, settings, finished.set)
    register_tasks(app, pipeline)
    return Services(settings, database, app, pipeline, finished, sinks)
