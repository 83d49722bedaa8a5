"""Private servers that a fault test may stop, kill, fill and restart on the same port."""

import shutil
import signal
import subprocess
import tempfile

import mortal
import redis
from free_port import free_port, is_open
from postgres_programs import found_program, postgres_user
from waiting import wait_until

_START_S = 30.0


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
        process = self._process
        wait_until(lambda: is_open(self.port) or process.poll() is not None, f"port {self.port}", _START_S)
        if process.poll() is not None:
            raise RuntimeError(f"{self.command()[0]} ended before it opened port {self.port}")

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
        super().__init__(postgres_user())
        words = [_found("initdb"), "-D", self.folder, "-U", "cladist", "-A", "trust"]
        subprocess.run(words, user=self._user, check=True, capture_output=True)

    def command(self) -> list[str]:
        words = ["-c", "listen_addresses=127.0.0.1", "-k", self.folder, "-c", "max_connections=60"]
        return [_found("postgres"), "-D", self.folder, "-p", str(self.port), *words]

    def start(self) -> None:
        """Start, and wait until it takes connections again after what it recovers."""
        super().start()
        wait_until(self._is_ready, "PostgreSQL to take connections", _START_S)

    def _is_ready(self) -> bool:
        ready = [_found("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        with mortal.forking:
            return not subprocess.run(ready, check=False).returncode

    @property
    def url(self) -> str:
        return f"postgresql://cladist@127.0.0.1:{self.port}/postgres"


def _found(name: str) -> str:
    path = found_program(name)
    if path is None:
        raise SystemExit(f"chaos: {name} is not installed")
    return path
