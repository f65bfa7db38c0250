"""Whether the replicas of a shard have the same state, by the hashes that they keep of it."""
import collections

from .wait import wait_until

PERIOD = 512  # entries between two hashes


def check_agree(cluster, shard, name):
    """Writes to the metric @name, of that shard, until every replica has hashed its state at one index behind all
    that was done. The cluster is made by hand."""
    client = cluster.client()
    begin = max(cluster.replica(worker, shard)["applied_index"] for worker in cluster.workers)

    def hashes(worker):
        return {each["index"]: each["hash"] for each in (cluster.replica(worker, shard) or {}).get("hashes", [])
                if each["index"] > begin}
    for value in range(PERIOD):
        client.record(name, -1 - value)
    client.close()
    wait_until(lambda: all(hashes(worker) for worker in cluster.workers), 20, "every replica to hash its state")
    by_index = collections.defaultdict(dict)
    for worker in cluster.workers:
        for index, each in hashes(worker).items():
            by_index[index][worker.name] = each
    assert any(len(each) == len(cluster.workers) for each in by_index.values())
    assert all(len(set(each.values())) == 1 for each in by_index.values()), by_index
