"""GET /status of control and workers."""
from lib.checks import check_json
from lib.client import item


def test_control_describes_the_cluster(shared, api, name):
    api.record(name, 1)
    body = check_json(api.get("/status"))
    assert set(body) >= {"cluster", "workers", "shards", "control"}
    assert sorted(row["id"] for row in body["workers"]) == [1, 2, 3]
    for row in body["workers"]:
        assert set(row) >= {"id", "address", "state", "version", "uptime_seconds", "series", "samples",
                            "memory_bytes", "disk_bytes"}, row
        assert str(shared.worker(row["id"]).port) in row["address"], row
    assert set(body["control"]) >= {"requests", "queue", "inflight"}


def test_every_shard_has_a_leader_among_its_replicas(api):
    shards = check_json(api.get("/status"))["shards"]
    assert [row["id"] for row in shards] == list(range(len(shards)))
    for row in shards:
        assert set(row) >= {"id", "leader", "term", "replicas"}, row
        assert row["leader"] in (1, 2, 3)


def test_shards_are_placed_in_turn(api):
    shards = check_json(api.get("/status"))["shards"]
    assert [row["leader"] for row in shards] == [1 + row["id"] % 3 for row in shards]


def test_samples_are_counted(shared, api, names):
    before = sum(row["samples"] for row in shared.status()["workers"])
    api.record_all([item(next(names), 1) for _ in range(100)])
    assert sum(row["samples"] for row in shared.status()["workers"]) == before + 100


def test_workers_answer_for_themselves(shared):
    for worker in shared.workers:
        assert isinstance(check_json(worker.ask("/status")), dict)
