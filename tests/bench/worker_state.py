"""How far a worker's replicas are, asked from the worker itself: what others say of it may be old."""
from lib.wait import wait_until


def applied(worker):
    """The index up to which each of its replicas has applied, by the shard's id."""
    answer = worker.ask("/status")
    if answer.status != 200:
        return {}
    return {row["id"]: next(replica["applied_index"] for replica in row["replicas"] if replica["worker"] == worker.id)
            for row in answer.json()["shards"]}


def newest(workers):
    """The highest index that any of them has applied, by shard."""
    each = [applied(worker) for worker in workers]
    return {shard: max(found.get(shard, 0) for found in each) for found in each for shard in found}


def has_reached(worker, wanted):
    here = applied(worker)
    return all(here.get(shard, 0) >= index for shard, index in wanted.items())


def wait_reached(worker, wanted, timeout):
    wait_until(lambda: has_reached(worker, wanted), timeout, f"{worker.name} to have applied {wanted}")
