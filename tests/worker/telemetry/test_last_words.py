"""What Python itself would say: of errors that nothing caught, of threads that ended, of warnings, of bad log lines."""

import subprocess
import sys

import pytest

SAYS = """
import logging, sys, threading, warnings
from worker.telemetry.last_words import SafeFormatter, SafeHandler, guard_last_words
handler = SafeHandler()
handler.setFormatter(SafeFormatter())
logging.basicConfig(handlers=[handler])
guard_last_words()
ADDRESS = "redis://user:s3cret@h/0?token=s3cret\x1b[2J"

def fail(uri=ADDRESS):
    raise ValueError(f"no answer from {uri}")

class Unending:
    def __del__(self):
        fail()
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("fail()", "in fail"),
        ("thread = threading.Thread(target=fail, name='one'); thread.start(); thread.join()", "thread one was ended"),
        ("Unending()", "in __del__"),
        ("warnings.warn(ADDRESS)", "UserWarning"),
        ("logging.warning('%d', ADDRESS)", "a line of root cannot be logged"),
        ("logging.error('no %s', ADDRESS, exc_info=ValueError(ADDRESS))", "ValueError"),
        ("threading.Thread(target=sys.exit).start()", ""),
    ],
)
def test_last_words_hold_no_secret_and_nothing_that_acts(code: str, told: str) -> None:
    done = subprocess.run([sys.executable, "-c", SAYS + code], capture_output=True, text=True, check=False)
    assert told in done.stderr
    assert bool(told) == bool(done.stderr)
    assert done.returncode == (code == "fail()")
    assert "s3cret" not in done.stdout + done.stderr
    assert "\x1b" not in done.stderr
