"""A cluster on this machine, started by `raftmetrics dev`."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .node import START_SECONDS, STOP_SECONDS, Node, clean_environment, is_alive
from .ports import take_ports
from .wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RAFTMETRICS_BIN") or str(ROOT / "build" / "raftmetrics")
TOKEN = "test-token-of-the-suite-4711"
SAVED_LOGS = ROOT / "build" / "test-logs"

# What a daemon must never print, whatever it is sent.
CRASH = re.compile(rb"ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                   rb"|Assertion .* failed|SUMMARY: .*Sanitizer|Segmentation fault|core dumped")


class Cluster:
    saved_logs = SAVED_LOGS  # of what failed, a folder a cluster
    made_in = None  # where the directories of clusters are made; None: where temporary files are

    def __init__(self, n_workers=3, token=TOKEN, log_level="info", label="cluster"):
        self.token = token
        self.label = label
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="raftmetrics-test-", dir=self.made_in))
        self.ports = take_ports(n_workers)
        self.log = self.directory / "dev.log"
        self.output = self.directory / "dev.out"
        self.control = self.node("control", "control", self.ports.base)
        self.workers = [self.node("worker", f"worker-{i}", self.ports.base + i) for i in range(1, n_workers + 1)]
        self.log_level = log_level
        self.process = None
        self._more_nodes = []

    @property
    def data_directory(self):
        return self.directory / "data"

    @property
    def saved_to(self):
        """Where the logs of a failed test are kept."""
        return self.saved_logs / re.sub(r"[^A-Za-z0-9_.-]+", "_", self.label)

    @property
    def nodes(self):
        return [self.control, *self.workers]

    def node(self, kind, name, port):
        return Node(BINARY, kind, name, self.directory / "data", port, self.token)

    def add_node(self, kind, name, port):
        """A further daemon, stopped with the cluster. Its configuration is the caller's to write."""
        node = self.node(kind, name, port)
        self._more_nodes.append(node)
        return node

    def worker(self, worker_id):
        return self.workers[worker_id - 1]

    def client(self, **options):
        return self.control.client(**options)

    def start(self, wait=True):
        command = [BINARY, "dev", "--workers", str(len(self.workers)), "--port", str(self.ports.base),
                   "--data-dir", str(self.data_directory), "--token", self.token,
                   "--log-level", self.log_level]
        with open(self.output, "wb") as output, open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                                            env=clean_environment(), start_new_session=True)
        if wait:
            self.wait_started()
        return self

    def wait_started(self):
        line = f"ready http://127.0.0.1:{self.ports.base}\n".encode()

        def started():
            if self.process.poll() is not None:
                raise AssertionError(f"dev ended with {self.process.returncode}:\n{self.logs()[-4000:]!r}")
            return line in self.output.read_bytes()
        wait_until(started, START_SECONDS, "dev to print that it is ready")

    def wait_writable(self, timeout=START_SECONDS):
        """Until every shard takes writes."""
        wait_until(lambda: self.control.ask("/readyz?all").status == 200, timeout, "every shard to be writable")

    def check_running(self):
        """dev, and with it every node that nobody killed."""
        assert self.process.poll() is None, f"dev ended with {self.process.returncode}"

    def pids(self):
        return {node.name: node.pid for node in self.nodes}

    def status(self):
        answer = self.control.ask("/status")
        assert answer.status == 200, answer
        return answer.json()

    def leader_of(self, shard):
        """The id of the worker that leads the shard."""
        return next(row["leader"] for row in self.status()["shards"] if row["id"] == shard)

    def logs(self):
        """All that its processes wrote, as bytes."""
        files = [self.output, self.log, *sorted(self.data_directory.rglob("*.log"))]
        return b"".join(file.read_bytes() for file in files if file.exists())

    def stop(self):
        """SIGTERM to dev, as a person would; its exit status. What dev did not stop within its 5
        seconds is an error, and is killed."""
        try:
            statuses = [node.stop() for node in self._more_nodes]
            if self.process is None:
                return next(filter(None, statuses), None)
            self.process.terminate()
            status = self.process.wait(STOP_SECONDS)
            pids = [node.pid for node in self.nodes if node.is_running()]
            wait_until(lambda: not any(map(is_alive, pids)), 1, "dev to have stopped every node")
            return status
        finally:
            self._destroy()

    def finish(self, failed):
        """Stops, keeps the logs of a failed test, and judges what the daemons wrote."""
        status = None
        try:
            status = self.stop()
        except BaseException:
            failed = True
            raise
        finally:
            logs = self.logs()
            crash = CRASH.search(logs)
            if failed or crash or status not in (0, None):
                self._save_logs()
            shutil.rmtree(self.directory, ignore_errors=True)
            self.ports.release()
        assert crash is None, f"a daemon wrote {crash[0]!r}; see {self.saved_to}"
        assert status in (0, None), f"dev ended with {status}; see {self.saved_to}"

    def _destroy(self):
        for node in [*self.nodes, *self._more_nodes]:
            if node.is_running():
                node.kill()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _save_logs(self):
        target = self.saved_to
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in [self.output, self.log, *self.data_directory.glob("*.log"),
                     *self.data_directory.glob("*.json")]:
            if file.exists():
                shutil.copy(file, target)
