"""A cluster whose nodes are started one by one, each with a configuration of the test's own."""
import http.client
import json

from .client import Client
from .cluster import Cluster

CLUSTER_SECRET = "secret-between-the-nodes-0815"


class HandMadeCluster(Cluster):
    """@control, @worker, @both: keys for the configurations of these nodes."""

    def __init__(self, n_workers=3, control=None, worker=None, both=None, **options):
        super().__init__(n_workers, **options)
        self._control_keys = control or {}
        self._worker_keys = worker or {}
        self._both_keys = both or {}
        self._fingerprint = None

    def start(self, wait=True):
        self.data_directory.mkdir(exist_ok=True)
        for worker in self.workers:
            self.write_config(worker, node_id=worker.id,
                              **{"data_dir": str(self.data_directory / worker.name), **self._worker_keys})
            worker.start(wait=False)
        self.write_config(self.control, **self._control_keys)
        self.control.start(wait=False)
        if wait:
            for node in self.nodes:
                node.wait_ready()
            self.wait_writable()
        return self

    def check_running(self):
        for node in self.nodes:
            assert node.is_running(), f"{node.name} is gone:\n{node.tail()}"

    def write_config(self, node, **keys):
        config = {
            "listen": "127.0.0.1", "port": node.port, "auth_token": self.token, "cluster_secret": CLUSTER_SECRET,
            "worker_hosts": [f"127.0.0.1:{worker.port}" for worker in self.workers], "log_level": self.log_level,
            "pid_file": str(self.data_directory / f"{node.name}.pid"), **self._both_keys, **keys,
        }
        node.config.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    def internal(self, worker, target, method="GET", body=None, timeout=10, fields=()):
        """As another node of the cluster, on the worker's own port."""
        client = Client(worker.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Cluster {CLUSTER_SECRET}", **dict(fields)}
            if target != "/internal/cluster":
                headers["X-Cluster"] = self.fingerprint()
            return client.request(method, target, body, headers)
        finally:
            client.close()

    def fingerprint(self):
        """The same for the cluster's whole life."""
        for worker in self.workers:
            if self._fingerprint is None and worker.is_running():
                try:
                    self._fingerprint = self.internal(worker, "/internal/cluster", timeout=2).json()["cluster"]["fingerprint"]
                except OSError:
                    pass  # the next one knows it too
        if self._fingerprint is None:
            raise ConnectionRefusedError("no worker answers")
        return self._fingerprint

    def replica(self, worker, shard):
        """What the worker says of its replica; None where it cannot."""
        try:
            answer = self.internal(worker, f"/internal/hashes?shard={shard}", timeout=5)
        except (OSError, http.client.HTTPException):
            return None
        return answer.json() if answer.status == 200 else None

    def stop(self):
        try:
            statuses = [node.stop() for node in [*self._more_nodes, *self.nodes]]
            return next(filter(None, statuses), 0)
        finally:
            self._destroy()
