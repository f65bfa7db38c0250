"""GET /status of control and workers."""
from lib.checks import check_json
from lib.client import item
from lib.hand_made import HandMadeCluster
from lib.wait import wait_until


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
    """Each worker counts those of its replicas; a follower has them a moment later."""
    before = samples_of_each(shared)
    api.record_all([item(next(names), 1) for _ in range(100)])
    assert samples_of_each(shared) == before + 100


def test_workers_answer_for_themselves(shared):
    for worker in shared.workers:
        assert isinstance(check_json(worker.ask("/status")), dict)


def test_many_shards_and_a_worker_without_any():
    """Three workers, two shards: worker 3 leads nothing, and nothing is missed when it is gone."""
    cluster = HandMadeCluster(worker={"n_shards": 2, "replicas": 1}, label="idle-worker")
    cluster.start()
    try:
        cluster.client().record("listed", 1)
        cluster.worker(3).kill()
        wait_until(lambda: states(cluster) == ["up", "up", "unreachable"], 10, "worker 3 to be missed")
        status = cluster.status()
        assert [(shard["id"], shard["leader"], [each["worker"] for each in shard["replicas"]])
                for shard in status["shards"]] == [(0, 1, [1]), (1, 2, [2])]
        listing = check_json(cluster.client().get("/metrics?format=json"))
        assert [each["metric_name"] for each in listing["metrics"]] == ["listed"]
        assert cluster.client().get("/health").status == 200
    finally:
        cluster.worker(3).start()
        assert cluster.stop() == 0


def test_status_before_any_worker_answers():
    cluster = HandMadeCluster(label="nobody")
    cluster.data_directory.mkdir()
    cluster.write_config(cluster.control)
    cluster.control.start(wait=False)
    try:
        wait_until(lambda: is_answering(cluster), 10, "control to listen")
        status = cluster.status()
        assert [each["state"] for each in status["workers"]] == ["unreachable"] * 3 and not status["shards"]
    finally:
        cluster.stop()


def samples_of_each(cluster):
    """Once all replicas have applied the same."""
    def agreed():
        status = cluster.status()
        if all(len({each["applied_index"] for each in shard["replicas"]}) == 1 for shard in status["shards"]):
            return {row["samples"] for row in status["workers"]}
        return None
    counts = wait_until(agreed, 10, "all replicas to have applied the same")
    assert len(counts) == 1, counts
    return counts.pop()


def states(cluster):
    return [each["state"] for each in cluster.status()["workers"]]


def is_answering(cluster):
    try:
        return cluster.client().get("/livez").status == 200
    except OSError:
        return False
