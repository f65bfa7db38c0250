"""What every part of the bench needs: its options, a directory on the disk that is measured, clusters,
and a place for what was wrong."""
import collections
import contextlib

from lib.hand_made import HandMadeCluster
from lib.placement import name_of_each
from lib.wait import wait_until

TOKEN = "local-dev-token-123"
N_WORKERS = 3
SETTLE_SECONDS = 15


class Stage:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.problems = []
        self.notes = []  # what is not wrong, and yet must be known to read the figures

    @property
    def short_rounds(self):
        """Where many things are measured, less often each."""
        return max(1, self.options.rounds // 2)

    @property
    def short_seconds(self):
        return max(1, self.options.seconds - 1)

    def problem(self, text):
        self.problems.append(text)

    @contextlib.contextmanager
    def cluster(self, label, **worker_keys):
        """Three workers, three replicas, each shard led by the worker that is preferred for it."""
        cluster = HandMadeCluster(N_WORKERS, token=TOKEN, log_level="warn", label=f"bench-{label}", worker=worker_keys)
        failed = True
        try:
            cluster.start()
            self._settle(cluster)
            yield cluster
            failed = False
        finally:
            try:
                cluster.finish(failed)
            except AssertionError as error:
                self.problem(f"{label}: {error}")

    def _settle(self, cluster):
        try:
            wait_until(lambda: all(is_at_home(row) for row in cluster.status()["shards"]), SETTLE_SECONDS,
                       "every shard to be led by its first replica")
        except AssertionError as error:
            led = collections.Counter(leaders(cluster).values())
            self.notes.append(f"{cluster.label}: {error}; shards led, by worker: {dict(sorted(led.items()))}")


def is_at_home(row):
    return row["leader"] == 1 + row["id"] % N_WORKERS


def leaders(cluster):
    """The worker that leads each shard, by the shard's id."""
    return {row["id"]: row["leader"] for row in cluster.status()["shards"]}


def names_of_shards(cluster, prefix):
    return name_of_each(len(cluster.status()["shards"]), prefix)
