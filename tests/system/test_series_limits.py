"""Limits of series and of memory: what would begin a series past them is refused, what goes on with
one is recorded."""
import pytest

from lib.checks import check_error
from lib.client import item, path_of

MIB = 1 << 20


def statuses(client, names):
    return [client.post("/metrics", item(name, 1)).status for name in names]


def test_series_of_a_shard(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"n_shards": 1, "max_series": 10})
    client = cluster.client()
    assert statuses(client, [f"m{i}" for i in range(10)]) == [200] * 10
    check_error(client.post("/metrics", item("m10", 1)), 429, "too_many_series", "max_series")
    check_error(client.post("/metrics", item("m1", 1, labels={"host": "new"})), 429, "too_many_series")
    check_error(client.get(path_of("m10")), 404, "unknown_metric")
    assert statuses(client, ["m1", "m9"]) == [200] * 2
    both = {"metrics": [item("m1", 3), item("m10", 3)]}
    check_error(client.post("/metrics/batch", both), 429, "too_many_series")
    assert client.values("m1")["values"] == [1, 1], "all of a request is recorded, or nothing"
    assert client.delete(path_of("m0")).status == 200
    assert statuses(client, ["m10", "m11"]) == [200, 429]
    client.close()


def test_the_limit_holds_on_every_replica_and_after_a_restart(make_cluster):
    cluster = make_cluster(worker={"n_shards": 1, "max_series": 3})
    client = cluster.client()
    assert statuses(client, ["a", "b", "c", "d"]) == [200, 200, 200, 429]
    for worker in cluster.workers:
        worker.kill()
    for worker in cluster.workers:
        worker.start(wait=False)
    cluster.wait_writable()
    assert statuses(client, ["d", "a"]) == [429, 200]
    for worker in cluster.workers:
        names = {row["metric_name"] for row in listed(cluster, client)}
        assert names == {"a", "b", "c"}, worker.name
    client.close()


def listed(cluster, client):
    cluster.check_running()
    return client.get("/metrics?format=json").json()["metrics"]


@pytest.mark.parametrize("key, code, limit", [("max_memory_bytes", "memory_full", 1),
                                              ("max_shard_bytes", "shard_full", 8 / 7)])
def test_a_bomb_of_names(make_cluster, key, code, limit):
    """Past the limit no name is taken; the known ones go on, and memory stays what it is."""
    cluster = make_cluster(n_workers=1, worker={"n_shards": 1, key: int(2 * MIB * limit)})
    client = cluster.client()
    refused = 0
    for i in range(200):
        answer = client.post("/metrics/batch", {"metrics": [item(f"bomb.{i}.{j}", j) for j in range(200)]})
        assert answer.status in (200, 429), answer
        refused += answer.status == 429
    assert refused > 100
    check_error(client.post("/metrics", item("one.more", 1)), 429, code, key)
    assert statuses(client, [f"bomb.0.{j}" for j in range(200)]) == [200] * 200
    (worker,) = client.get("/status").json()["workers"]
    assert worker["memory_bytes"] < 3 * MIB, worker
    client.close()
