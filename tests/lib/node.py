"""One daemon of a cluster under test."""
import os
import pathlib
import signal
import subprocess

from .client import Client
from .wait import wait_until

START_SECONDS = 20
STOP_SECONDS = 5  # the promise of every daemon after SIGTERM


class Node:
    """@kind is control or worker; @name is also the stem of its configuration and pid file."""

    def __init__(self, binary, kind, name, directory, port, token):
        self.kind = kind
        self.name = name
        self.port = port
        self.token = token
        self.config = directory / f"{name}.json"
        self.log = directory / f"{name}.log"
        self._binary = binary
        self._pid_file = directory / f"{name}.pid"
        self._process = None

    @property
    def id(self):
        return int(self.name.partition("-")[2])

    @property
    def pid(self):
        """Of the process that runs this node now; AssertionError where none does."""
        pid = self._pid_or_none()
        assert pid is not None, f"{self.name} does not run"
        return pid

    def is_running(self):
        return self._pid_or_none() is not None

    def start(self, wait=True, args=(), env=None):
        """By hand, with its configuration, as a person would after it died."""
        assert not self.is_running(), f"{self.name} runs already"
        command = [self._binary, self.kind, "--config", str(self.config), *args]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=clean_environment(env))
        if wait:
            self.wait_ready()
        return self._process

    def wait_ready(self, timeout=START_SECONDS):
        def ready():
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self._process.returncode}:\n{self.tail()}")
            return self.ask("/readyz").status == 200
        wait_until(ready, timeout, f"{self.name} to be ready")

    def ask(self, target, timeout=10):
        """GET on a connection of its own."""
        client = Client(self.port, self.token, timeout)
        try:
            return client.get(target)
        finally:
            client.close()

    def client(self, **options):
        return Client(self.port, self.token, **options)

    def signal(self, signum):
        os.kill(self.pid, signum)

    def kill(self):
        """kill -9, and until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait_gone()

    def wait_gone(self, timeout=5):
        """Its exit status, as stop()."""
        wait_until(lambda: not self.is_running(), timeout, f"{self.name} to be gone")
        return self._reap()

    def stop(self):
        """SIGTERM; its exit status where it was started by hand, else None."""
        pid = self._pid_or_none()
        if pid is None:
            return self._reap()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid), STOP_SECONDS, f"{self.name} to stop")
        return self._reap()

    def tail(self, n_bytes=4000):
        return self.log.read_bytes()[-n_bytes:].decode(errors="replace") if self.log.exists() else ""

    def _reap(self):
        status = self._process.wait() if self._process is not None else None
        self._process = None
        return status

    def _pid_or_none(self):
        if self._process is not None:
            return self._process.pid if is_alive(self._process.pid) else None
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        # A pid file outlives kill -9 and its number may be another's by now.
        return pid if is_alive(pid) and os.fsencode(self.config) in command_line(pid) else None


def is_alive(pid):
    """Runs, stopped or not; a zombie does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


CONFIGURING = {
    "LISTEN", "PORT", "NODE_ID", "AUTH_TOKEN", "TOKENS", "CLUSTER_SECRET", "CLUSTER_NAME", "WORKER_HOSTS",
    "N_SHARDS", "REPLICAS", "DATA_DIR", "MIN_FREE_DISK_BYTES", "MAX_LOG_BYTES", "MAX_SHARD_BYTES",
    "PID_FILE", "THREADS", "LOG_LEVEL", "LOG_FORMAT",
}


def clean_environment(extra=None):
    """This process's environment without what configures a daemon, and @extra."""
    ours = {name: value for name, value in os.environ.items()
            if name.removesuffix("_FILE") not in CONFIGURING and not name.startswith("RAFTMETRICS_")}
    return {**ours, **(extra or {})}
