"""A cluster that is there to be hurt: every node a process of its own, every link through a proxy."""
import http.client
import shutil
import signal

from lib.cluster import ROOT
from lib.hand_made import HandMadeCluster
from lib.wait import wait_until

from .links import CONTROL, Links
from .marks import read_marks
from .tmpfs import Tmpfs

HEAL_SECONDS = 180  # generous: nothing here is about speed
PEER_OFFSET = 100
N_SHARDS = 8

# Logs are cut and snapshots sent after little, so that a short test sees both.
SMALL = {"max_log_bytes": 1 << 20, "min_free_disk_bytes": 8 << 20}


class FaultCluster(HandMadeCluster):
    """@small_disk: id of a worker whose data lies on a file system of its own that can be filled;
    needs root."""

    saved_logs = ROOT / "build" / "faults"

    def __init__(self, n_workers=3, worker=None, small_disk=None, **options):
        super().__init__(n_workers, worker={"n_shards": N_SHARDS, **SMALL, **(worker or {})}, **options)
        self.history = None  # saved with the logs
        self.timeline = []
        self.links = Links({each.id: (each.port, each.port + PEER_OFFSET) for each in self.workers})
        self.small_disk = None
        if small_disk is not None:
            self.data_directory.mkdir()
            self.small_disk = Tmpfs(self.data_of(self.worker(small_disk)))

    @property
    def ids(self):
        return [worker.id for worker in self.workers]

    def data_of(self, worker):
        return self.data_directory / worker.name

    def write_config(self, node, **keys):
        sender = CONTROL if node is self.control else node.id
        super().write_config(node, worker_hosts=[self._entry(sender, worker) for worker in self.workers], **keys)

    def _entry(self, sender, worker):
        http, peer = worker.port, worker.port + PEER_OFFSET
        if worker.id != sender:
            http, peer = self.links.address(sender, worker.id)
        entry = {"id": worker.id, "address": f"127.0.0.1:{http}"}
        if peer is not None:
            entry["peer_port"] = peer
        return entry

    # ---- what it says of itself ----

    def leads(self, worker, timeout=2):
        """shard -> term, of the shards that this worker says it leads; none where it does not answer."""
        try:
            answer = self.internal(worker, "/internal/cluster", timeout=timeout)
        except (OSError, http.client.HTTPException):
            return {}
        return {lead["shard"]: lead["term"] for lead in answer.json()["leads"]} if answer.status == 200 else {}

    def is_disk_low(self, worker):
        """Or it has ended, for want of room."""
        try:
            return self.internal(worker, "/internal/cluster").json()["disk_low"]
        except OSError:
            return not worker.is_running()

    def leader(self, shard, among=None):
        """The worker that leads the shard, by the highest term; None where none does."""
        terms = [(self.leads(worker).get(shard, 0), worker.id) for worker in among or self.workers]
        term, worker_id = max(terms)
        return self.worker(worker_id) if term else None

    def wait_leader(self, shard, among=None):
        return wait_until(lambda: self.leader(shard, among), HEAL_SECONDS, f"a leader of shard {shard}")

    def wait_led_by(self, shard, worker):
        wait_until(lambda: self.leader(shard) is worker, HEAL_SECONDS, f"{worker.name} to lead shard {shard}")

    def wait_preferred(self):
        """Until every shard is led by the worker that the map prefers: no leader changes then by itself."""
        for shard in range(N_SHARDS):
            self.wait_led_by(shard, self.worker(1 + shard % len(self.workers)))

    def marks(self, worker):
        """shard -> Mark, of the worker's replicas, as its watermarks say, at most a second late."""
        return read_marks(self.data_of(worker) / "watermarks")

    def wait_marks(self, worker, index):
        """The marks, once every shard's has come to @index."""
        def found():
            marks = self.marks(worker)
            return len(marks) == N_SHARDS and all(mark.index >= index for mark in marks.values()) and marks
        return wait_until(found, HEAL_SECONDS, f"the watermarks of {worker.name} to reach {index}")

    def wait_marked(self, worker):
        """The marks, once they owe all that the worker has applied; nobody writes."""
        def found():
            marks = self.marks(worker)
            return all(shard in marks and marks[shard].index == (self.replica(worker, shard) or {}).get("applied_index")
                       for shard in range(N_SHARDS)) and marks
        return wait_until(found, HEAL_SECONDS, f"the watermarks of {worker.name} to be level")

    # ---- waiting until all is well ----

    def wait_running(self):
        for node in self.nodes:
            node.wait_ready(HEAL_SECONDS)

    def wait_whole(self):
        """Until every node runs, every shard takes writes, and every replica has what its shard had
        committed meanwhile."""
        self.wait_running()
        self.wait_writable(HEAL_SECONDS)
        for shard in range(N_SHARDS):
            self.wait_caught_up(shard)

    def wait_caught_up(self, shard):
        leader = self.wait_leader(shard)
        seen = wait_until(lambda: self.replica(leader, shard), HEAL_SECONDS, f"{leader.name} to speak of {shard}")
        for worker in self.workers:
            wait_until(lambda: (self.replica(worker, shard) or {}).get("applied_index", 0) >= seen["commit_index"],
                       HEAL_SECONDS, f"{worker.name} to catch up with shard {shard}")

    def check_replicas_agree(self):
        """Nobody writes: every replica of a shard comes to the same index and state."""
        for shard in range(N_SHARDS):
            wait_until(lambda: self._agreed(shard), HEAL_SECONDS, f"the replicas of shard {shard} to be level")

    def _agreed(self, shard):
        replicas = [self.replica(worker, shard) for worker in self.workers]
        if None in replicas:
            return False
        hashes = {}
        for replica in replicas:
            for each in replica["hashes"]:
                hashes.setdefault(each["index"], {})[replica["worker"]] = each["hash"]
        for index, by_worker in hashes.items():
            assert len(set(by_worker.values())) == 1, f"shard {shard} differs at {index}: {by_worker}"
        return len({replica["applied_index"] for replica in replicas}) == 1

    # ---- its nodes ----

    def kill(self, *nodes):
        """kill -9, all of them before any is waited for."""
        for node in nodes:
            node.signal(signal.SIGKILL)
        for node in nodes:
            node.wait_gone()

    def restart(self, *nodes):
        for node in nodes:
            node.start(wait=False)

    def empty(self, worker):
        """Its data are gone; it does not run."""
        for entry in self.data_of(worker).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def stop(self):
        try:
            for node in self.nodes:
                if node.is_running():
                    node.signal(signal.SIGCONT)
            self.links.heal()
            return super().stop()
        finally:
            self.links.stop()
            if self.small_disk is not None:
                self.small_disk.remove()

    def _save_logs(self):
        super()._save_logs()
        (self.saved_to / "timeline").write_text("".join(f"{line}\n" for line in self.timeline))
        if self.history is not None:
            self.history.save(self.saved_to / "history.jsonl")
