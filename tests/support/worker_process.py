"""Worker processes as a supervisor starts them."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from command_line import CLADIST, environment

from worker.settings import Settings

WORKER = (*CLADIST, "worker")
POISONED_WORKER = (sys.executable, str(Path(__file__).with_name("poisoned_worker.py")))


@contextmanager
def worker_process(settings: Settings, command: Sequence[str] = WORKER) -> Iterator[subprocess.Popen[str]]:
    """A worker of these settings while the block runs, its log in `stderr`; killed at the end."""
    with subprocess.Popen(command, env=environment(settings), stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
