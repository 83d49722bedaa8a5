"""`cladist` in a process that has loaded torch already: each command is a fork of it, and starts at once.

`python preloaded_cladist.py serve NUMBER` serves on an open socket that listens;
`python preloaded_cladist.py call PATH WORDS...` runs a command there, in the caller's folder and environment.
"""

import json
import os
import socket
import sys
from pathlib import Path

_MOST_BYTES = 2**20


def serve(listening: socket.socket) -> None:
    """Fork a `cladist` for every caller, one after the other, until this process is ended."""
    from classifier.training import train  # noqa: F401, PLC0415 (loaded here, so that no caller waits for it)
    from worker.process import service  # noqa: F401, PLC0415 (likewise)

    while True:
        caller, _ = listening.accept()
        with caller:
            content, streams, _, _ = socket.recv_fds(caller, _MOST_BYTES, 3)
            child = os.fork()
            if child == 0:
                _run(json.loads(content), streams)
            for stream in streams:
                os.close(stream)
            _, status = os.waitpid(child, 0)
            caller.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))


def _run(given: dict[str, object], streams: list[int]) -> None:
    """Be that command; ends the process."""
    from worker.cli.main import main  # noqa: PLC0415 (callers do without)

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(str(given["folder"]))
    os.environ.clear()
    os.environ.update(given["environment"])  # type: ignore[call-overload]
    sys.argv = ["cladist", *given["words"]]  # type: ignore[misc]
    main()


def call(path: str, words: list[str]) -> int:
    """Run a command there; its exit code."""
    given = {"folder": str(Path.cwd()), "environment": dict(os.environ), "words": words}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [json.dumps(given).encode()], [0, 1, 2])
        return server.recv(1)[0]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(socket.socket(fileno=int(sys.argv[2])))
    sys.exit(call(sys.argv[2], sys.argv[3:]))
