"""Replicas that applied the same entries have the same state, in whatever way each came by it."""
import random

from lib import exposition
from lib.client import item, path_of
from lib.replicas import check_agree
from lib.wait import wait_until

MS = 1732568363376
N_SERIES = 12
N_VALUES = 60_000  # some thousand a series: many chunks each
LOG_BYTES = 1 << 20  # of which that is several: a log is cut by snapshots
TRAILING_MIN = 64  # entries that a snapshot leaves in the log at least


def write(client, rng, first, n):
    """Values in batches of all sizes and one by one, some late, over some series of a few metrics."""
    sent = 0
    while sent < n:
        size = min(rng.choice([1, 1, 1, 1, 10, 100, 1000]), n - sent)
        items = []
        for number in range(first + sent, first + sent + size):
            late = rng.randrange(number) if rng.random() < 0.02 else 0
            name = f"m{rng.choice([1, 1, 1, 2])}"
            items.append(item(name, rng.choice([rng.random(), rng.randrange(100), -0.0, 1e300 * rng.random()]),
                              MS + (number - late) * 1000, {"host": str(rng.randrange(N_SERIES))}))
        client.record_all(items)
        sent += size


def own_metric(worker, name):
    return exposition.parse(worker.ask("/status/metrics").body)[f"raftmetrics_raft_{name}"].total()


def write_until_cut(client, rng, leader, left_at):
    """Half of the entries stay in the log when a snapshot cuts it: until the one behind @left_at is not among them."""
    first = N_VALUES
    while own_metric(leader, "snapshot_index") <= 2 * left_at + TRAILING_MIN:
        assert first < 10 * N_VALUES, "the log is not cut"
        write(client, rng, first, 2000)
        first += 2000


def test_by_its_log_by_a_snapshot_of_its_own_and_by_another_ones(make_cluster):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    cluster = make_cluster(worker={"n_shards": 1, "max_log_bytes": LOG_BYTES})
    client = cluster.client()
    write(client, rng, 1, N_VALUES // 3)
    leader = cluster.worker(cluster.leader_of(0))
    behind, again = [worker for worker in cluster.workers if worker is not leader]
    left_at = cluster.replica(behind, 0)["applied_index"]
    behind.kill()
    write(client, rng, N_VALUES // 3, N_VALUES // 3)
    assert client.delete(path_of("m2")).status == 200
    write(client, rng, 2 * N_VALUES // 3, N_VALUES // 3)
    write_until_cut(client, rng, leader, left_at)
    # What the leader sent before the cut may still wait for a connection, and would bridge it.
    write_until_cut(client, rng, leader, cluster.replica(leader, 0)["commit_index"])
    committed = cluster.replica(leader, 0)["commit_index"]
    behind.start()
    wait_until(lambda: (cluster.replica(behind, 0) or {}).get("applied_index", 0) >= committed, 30, "it to catch up")
    assert own_metric(behind, "appended_entries_total") < committed - left_at, "it came by its log, not by a snapshot"
    assert own_metric(again, "snapshot_index") > 0
    again.kill()
    again.start()
    check_agree(cluster, 0, "m1")
    write(client, rng, N_VALUES, 5000)
    check_agree(cluster, 0, "m1")
    client.close()
