"""The pipeline of a process: the ids of a message go in, and every job among them is settled by and by."""

from collections.abc import Sequence

from worker.claims import claim_jobs, suspects_among
from worker.database import Database
from worker.pipeline.flight import Flight
from worker.pipeline.keeper import give_up
from worker.pipeline.line import Line
from worker.pipeline.sizing import BatchSizes
from worker.registry import Predictors
from worker.settings import Settings


class Pipeline:
    """What a worker does with the job ids of one message; to be used by one thread. Its own threads start with work."""

    def __init__(self, database: Database, predictors: Predictors, settings: Settings) -> None:
        self._database = database
        self._predictors = predictors
        self._settings = settings
        self._flight = Flight()
        self._sizes = BatchSizes(settings.batch_size)
        self._line: Line | None = None

    def run(self, job_ids: Sequence[int]) -> int:
        """Run the jobs that are still to be run, wait until they are settled, and return how many they were."""
        count = self.accept(job_ids)
        self._flight.wait_until_empty()
        return count

    def accept(self, job_ids: Sequence[int]) -> int:
        """Claim the jobs that are still to be run, and return how many as soon as they are on their way.

        It waits for room first. A suspect goes when all others have gone, and nothing goes until it is settled: if it
        takes the process with it, it takes nobody else. Raises DatabaseError.
        """
        self._flight.wait_for_room(self._room)
        count = self._enter(job_ids, suspects=False)
        if count < len(job_ids):
            for job_id in suspects_among(self._database, job_ids):
                self._flight.wait_until_empty()
                count += self._enter([job_id], suspects=True)
                self._flight.wait_until_empty()
        return count

    def close(self) -> None:
        """Finish what was begun and give back what was not; what takes longer than `stop_s` ends with the process."""
        if self._line is None:
            return
        if not self._line.close(self._settings.stop_s):
            give_up(self._database, self._flight, [], self._settings, f"did not finish in {self._settings.stop_s:g} s")
        self._line = None

    @property
    def _room(self) -> int:
        return max(self._settings.batch_size, self._settings.fetch_threads)  # what the model may take next

    def _enter(self, job_ids: Sequence[int], *, suspects: bool) -> int:
        settings = self._settings
        claims = claim_jobs(self._database, job_ids, settings.worker_name, settings.lease_s, suspects=suspects)
        if claims:
            if self._line is None:
                self._line = Line(self._database, self._predictors, settings, self._flight, self._sizes)
            self._line.enter(claims)
        return len(claims)
