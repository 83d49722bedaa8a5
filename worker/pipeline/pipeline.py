"""The pipeline of a process: the ids of a message go in, and every job among them is finished or given back."""

from collections.abc import Callable, Sequence

from classifier.networks.devices import default_device
from worker.db.engine import Database
from worker.dispatch.suspects import suspect_groups
from worker.errors import StoppingError
from worker.jobs.claims import claim_jobs, suspects_among
from worker.models.predictors import Predictors
from worker.pipeline.batch_size import IN_ALL, LARGEST, BatchSizes
from worker.pipeline.in_flight import InFlight
from worker.pipeline.parallelism import forward_passes
from worker.pipeline.threads import StageThreads
from worker.pipeline.watchdog import give_up
from worker.policies.hash_lists.loading import KnownContent
from worker.settings import Settings
from worker.supervision.pulses import Pulses

_LOOK_S = 0.5  # how often one who waits looks whether to stop


class Pipeline:
    """What a worker does with the job ids of one message; to be used by one thread. Its own threads start with work.

    `on_finished` is called, by a thread of its own, when some jobs have ended.
    """

    def __init__(
        self,
        database: Database,
        predictors: Predictors,
        settings: Settings,
        on_finished: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._predictors = predictors
        self._known = KnownContent(database)
        self._settings = settings
        self._on_finished = on_finished
        self.pulses = Pulses()  # of the threads of this process
        self._in_flight = InFlight()
        passes, _ = forward_passes(default_device())
        self._sizes = BatchSizes(settings.batch_size, largest=max(1, min(LARGEST, IN_ALL // passes)))
        self._threads: StageThreads | None = None
        self._is_stopping = False

    def run(self, job_ids: Sequence[int]) -> int:
        """Run the jobs that are still to be run, wait until they are finished, and return how many they were."""
        count = self.accept(job_ids)
        self._in_flight.wait_until_empty()
        return count

    def accept(self, job_ids: Sequence[int]) -> int:
        """Claim the jobs that are still to be run, and return how many as soon as they are on their way.

        It waits for room first. Suspects enter in small groups: after all others are finished, and before any other
        enters. If one kills the process, no job is lost with it but those of its group. Raises DatabaseError,
        StoppingError.
        """
        self._wait(lambda: self._in_flight.wait_for_room(self._room, _LOOK_S))
        count = self._enter(job_ids, suspects=False)
        if count < len(job_ids):
            sizes = {"max_attempts": self._settings.max_attempts, "message_size": self._settings.message_size}
            for group in suspect_groups(suspects_among(self._database, job_ids), **sizes):
                self._wait(self._is_empty)
                count += self._enter(group, suspects=True)
                self._wait(self._is_empty)
        return count

    def is_idle(self) -> bool:
        """Whether nothing is in flight."""
        return self._in_flight.wait_until_empty(0)

    def stop_soon(self) -> None:
        """Take no more work, and let nobody wait for it; a signal handler may call this."""
        self._is_stopping = True

    def close(self) -> None:
        """Finish what was begun and give back what was not; what takes longer than `stop_s` ends with the process.

        It may be used again after that.
        """
        if self._threads is not None and not self._threads.close(self._settings.stop_s):
            give_up(self._database, self._in_flight, [], self._settings, f"not done in {self._settings.stop_s:g} s")
        self._threads = None
        self._is_stopping = False

    def _is_empty(self) -> bool:
        return self._in_flight.wait_until_empty(_LOOK_S)

    def _wait(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            if self._is_stopping:
                raise StoppingError("this worker is about to stop")

    @property
    def _room(self) -> int:
        return max(self._settings.batch_size, self._settings.fetch_threads, IN_ALL)  # what the model may take next

    def _enter(self, job_ids: Sequence[int], *, suspects: bool) -> int:
        settings = self._settings
        claims = claim_jobs(self._database, job_ids, settings.worker_name, settings.lease_s, suspects=suspects)
        if claims:
            if self._threads is None:
                held = self._database, self._predictors, self._known
                parts = *held, settings, self._in_flight, self._sizes, self.pulses
                self._threads = StageThreads(*parts, self._on_finished)
            self._threads.enter(claims)
        return len(claims)
