"""Private servers that a fault test may stop, kill, fill and restart on the same port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import mortal
import redis

_START_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process in a folder of its own."""

    def __init__(self, user: str | None = None) -> None:
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="cladist-chaos-")
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        if user is not None:
            shutil.chown(self.folder, user)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Start, and wait until the port answers."""
        quiet = subprocess.DEVNULL
        with mortal.forking:  # a fork in between would keep the pipe open by which Popen learns that exec went well
            self._process = subprocess.Popen(self.command(), user=self._user, stdout=quiet, stderr=quiet)
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.command()[0]} did not open port {self.port}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop by a signal and wait for the end; stopped already, do nothing."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait()

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


class RedisServer(Server):
    """Redis; `persistent` keeps every write across a restart."""

    persistent = False

    def command(self) -> list[str]:
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if self.persistent else ["--appendonly", "no"]
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", *kept]
        return [_found("redis-server"), *words]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)


class PostgresServer(Server):
    """PostgreSQL, which refuses to run as root; started with fsync, as faults are what it is for."""

    def __init__(self) -> None:
        super().__init__(_other_user())
        words = [_found("initdb"), "-D", self.folder, "-U", "cladist", "-A", "trust"]
        subprocess.run(words, user=self._user, check=True, capture_output=True)

    def command(self) -> list[str]:
        words = ["-c", "listen_addresses=127.0.0.1", "-k", self.folder, "-c", "max_connections=60"]
        return [_found("postgres"), "-D", self.folder, "-p", str(self.port), *words]

    def start(self) -> None:
        """Start, and wait until it takes connections again after what it recovers."""
        super().start()
        end = time.monotonic() + _START_S
        ready = [_found("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        while time.monotonic() < end:
            with mortal.forking:
                if not subprocess.run(ready, check=False).returncode:
                    return
            time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"postgresql://cladist@127.0.0.1:{self.port}/postgres"


def _found(name: str) -> str:
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    path = shutil.which(name) or (str(newest[0]) if newest else None)
    if path is None:
        raise SystemExit(f"chaos: {name} is not installed")
    return path


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
