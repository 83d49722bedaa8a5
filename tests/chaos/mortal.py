"""A worker process that dies where it is told to. Forked, so that the model's libraries are loaded once."""

import contextlib
import faulthandler
import multiprocessing
import os
import random
import resource
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from sqlalchemy import event
from sqlalchemy.orm import Session

from worker.db.transaction import Transaction
from worker.errors import DatabaseError
from worker.pipeline.pipeline import Pipeline
from worker.process.bootstrap import bootstrap
from worker.process.celery_app import publisher
from worker.process.service import run_worker
from worker.settings import Settings

Hook = Callable[[], None]
Process = multiprocessing.context.ForkProcess

_fork = multiprocessing.get_context("fork")
_RETRY_S = 0.2

forking = threading.Lock()  # held while a process is forked, and while a connection of the parent's is open


def pause(seconds: float) -> None:
    """Let a fault last, or a retry wait: how long is part of the scenario, not a guess at when something is done."""
    time.sleep(seconds)


def start(settings: Settings, log: Path, hooks: Sequence[Hook] = (), *, drain: bool = False) -> Process:
    """A worker in a process of its own; hooks are called in it before it starts."""
    process = _fork.Process(target=_work, args=(settings, log, hooks, drain), daemon=True)
    with forking:
        process.start()
    return process


def _work(settings: Settings, log: Path, hooks: Sequence[Hook], drain: bool) -> None:
    _let_go_of_sockets()
    with log.open("ab", buffering=0) as stream:
        os.dup2(stream.fileno(), sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    torch.set_num_threads(1)
    random.seed(os.getpid())
    for hook in hooks:
        hook()
    while True:
        try:
            services = bootstrap(settings)
            break
        except DatabaseError:  # a supervisor would start it again
            pause(_RETRY_S)
    run_worker(services, drain=drain)
    os._exit(0)


def _let_go_of_sockets() -> None:
    """End a fork's share in the connections of its parent: the proxy's are to end when the proxy ends them.

    The numbers stay taken, by /dev/null: Python's own sockets close theirs when they are collected, and would close
    whatever had been opened under it since.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (numbers, not paths)
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.dup2(nowhere, int(name))


def tell_where_they_are() -> None:
    """Let every worker write the stacks of its threads to its log."""
    for process in multiprocessing.active_children():
        if process.pid:
            os.kill(process.pid, signal.SIGUSR1)
    pause(_RETRY_S)


def die() -> None:
    """kill -9 of the process itself."""
    os.kill(os.getpid(), signal.SIGKILL)


class Fuse:
    """Burns down at the n-th passing, n drawn up to `most`; at once if it is 1."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left: int | None = None

    def passed(self) -> None:
        if self._left is None:
            self._left = random.randint(1, self._most)
        self._left -= 1
        if self._left == 0:
            die()


def at_any_moment(within_s: float) -> Hook:
    """Dead after a random time."""

    def hook() -> None:
        def later() -> None:
            pause(random.uniform(0.05, within_s))
            die()

        threading.Thread(target=later, daemon=True).start()

    return hook


def before_a_commit(most: int) -> Hook:
    """Dead when a transaction is about to commit."""
    fuse = Fuse(most)

    def hook() -> None:
        event.listen(Session, "before_commit", lambda _session: fuse.passed())

    return hook


def after_a_commit(most: int) -> Hook:
    """Dead when a transaction has just committed."""
    fuse = Fuse(most)

    def hook() -> None:
        event.listen(Session, "after_commit", lambda _session: fuse.passed())

    return hook


def before_publish(most: int) -> Hook:
    """Dead when the relay is about to publish."""
    fuse = Fuse(most)
    return _around_publish(fuse.passed, lambda: None)


def after_publish(most: int) -> Hook:
    """Dead when the relay has published and not yet committed."""
    fuse = Fuse(most)
    return _around_publish(lambda: None, fuse.passed)


def _around_publish(before: Hook, after: Hook) -> Hook:
    def hook() -> None:
        def made_around(*words: Any) -> Callable[..., None]:
            publish = publisher(*words)

            def wrapped(*given: Any, **named: Any) -> None:
                before()
                publish(*given, **named)
                after()

            return wrapped

        patch("worker.process.service.publisher", made_around).start()

    return hook


def frozen_while_publishing() -> Hook:
    """Stopped as by SIGSTOP when the relay is about to publish for the first time, until somebody lets it go on."""
    frozen: list[bool] = []

    def freeze() -> None:
        if not frozen:
            frozen.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)

    return _around_publish(freeze, lambda: None)


def is_stopped(pid: int) -> bool:
    """Whether a process stands still by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def before_the_ack(most: int) -> Hook:
    """Dead when the jobs of a message are claimed, and the message is not yet acknowledged."""
    fuse = Fuse(most)

    def hook() -> None:
        accept = Pipeline.accept

        def wrapped(self: Pipeline, job_ids: Sequence[int]) -> int:
            done = accept(self, job_ids)
            fuse.passed()
            return done

        patch.object(Pipeline, "accept", wrapped).start()

    return hook


def stepped_clock(offset_s: Any) -> Hook:
    """The database's clock with an offset that all processes share, as if it had been set."""

    def hook() -> None:
        now = Transaction.now

        def stepped(self: Transaction) -> datetime:
            return now(self) + timedelta(seconds=offset_s.value)

        patch.object(Transaction, "now", stepped).start()

    return hook


def full_disk(is_full: Any, used_bytes: Callable[[], int]) -> Hook:
    """No file of this process may grow beyond what there is, for as long as the shared flag is set."""

    def hook() -> None:
        def watch() -> None:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            while True:
                soft = used_bytes() if is_full.value else hard
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
                pause(0.02)

        threading.Thread(target=watch, daemon=True).start()

    return hook


Condition = Callable[[], object]


class Supervisor:
    """Starts a worker, and starts it again whenever it ends, as systemd would."""

    def __init__(self, make: Callable[[], Process]) -> None:
        self._make = make
        self._stop = threading.Event()
        self._restarts = 0
        self._process = make()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Kill the worker; how often it was started again."""
        self._stop.set()
        self._thread.join()
        if self._process.is_alive() and self._process.pid:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        return self._restarts

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            if not self._process.is_alive():
                self._process.join()
                self._restarts += 1
                self._process = self._make()
