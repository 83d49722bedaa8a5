"""`cladist` as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

from worker.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings; what is default stays unsaid."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    given = {f"CLADIST_{name.upper()}": _as_text(value) for name, value in values.items()}
    return {**os.environ, **given, "OMP_NUM_THREADS": "1"}


def own_environment() -> dict[str, str]:
    """This process's variables without any setting."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("CLADIST_")}
    return {**given, "OMP_NUM_THREADS": "1"}


CLADIST = (sys.executable, "-c", "from worker.cli.main import main; main()")  # the words before a command


class Cladist:
    """Run `cladist` in a folder of its own, on the embedded default."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLADIST, *words],
            cwd=self.folder,
            env={**own_environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *words: str) -> list[str]:
        """The lines of a command that must succeed."""
        done = self(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def refused(self, *words: str, **environment: str) -> str:
        """The one line of a command that must be refused."""
        done = self(*words, **environment)
        assert done.returncode == 2, (done.stdout, done.stderr)
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("cladist: ")
        return lines[0]


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
