"""`cladist` in this process, by the entry that `main` uses: hundreds of commands in the time of one process."""

import io
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, create_engine

from worker.cli.main import _run
from worker.db import engine
from worker.telemetry.redaction import safe_message


class Done(NamedTuple):
    """The exit code of a command, and what it said."""

    code: int
    out: str
    err: str


def run_here(*words: str, **environment: str) -> Done:
    """Run a command as a process of its own would, whose standard input is empty and whose output is a pipe."""
    made: list[Engine] = []

    def create(*arguments: Any, **options: Any) -> Engine:
        made.append(create_engine(*arguments, **options))
        return made[-1]

    out, err = _pipe("strict"), _pipe("backslashreplace")
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr(sys, "argv", ["cladist", *words])
        patched.setattr(sys, "stdin", _pipe("strict"))
        patched.setattr(engine, "create_engine", create)
        for name in [name for name in os.environ if name.startswith("CLADIST_")]:
            patched.delenv(name)
        for name, value in environment.items():
            patched.setenv(name, value)
        try:
            code = _run()
        except SystemExit as error:
            code = int(error.code or 0)
        except Exception:  # noqa: BLE001 (as Python itself ends with it)
            err.write(safe_message(traceback.format_exc()))
            code = 1
        finally:
            for each in made:  # a process that ends closes its connections; this one goes on
                each.dispose()
    return Done(code, _content(out), _content(err))


def _pipe(errors: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)


def _content(pipe: io.TextIOWrapper) -> str:
    pipe.seek(0)
    return pipe.read()
