"""retention, max_samples_per_series, samples_full: what of a series goes, and what is said of it then."""
import time

import pytest

from lib.checks import check_error
from lib.client import item, path_of
from lib.wait import wait_until

CHUNK = 256
HOUR_MS = 3600 * 1000
RULES = [{"pattern": "short.*", "max_age": "1h"}, {"pattern": "*", "max_age": "10000d"}]


def worker_with(**keys):
    return {"n_shards": 1, "expire_interval_ms": 10, **keys}


def record_old_and_new(client, name, labels=None):
    """A chunk of 0 to 255, which is two hours old, and ten values of now; the time of the first. At
    once: what is old alone may go before the rest comes, and the series with it."""
    now = int(time.time() * 1000)
    old = [item(name, i, now - 2 * HOUR_MS + i, labels) for i in range(CHUNK)]
    client.record_all([*old, *(item(name, CHUNK + i, now + i, labels) for i in range(10))])
    return now


def wait_for_count(client, name, count):
    wait_until(lambda: client.aggregate(name)["count"] == count, 20, f"{name} to hold {count} values")


def wait_until_gone(client, name):
    wait_until(lambda: client.get(path_of(name)).status == 404, 20, f"{name} to be gone")


def total(worker, family):
    """The sum of a family of a worker's own metrics."""
    lines = worker.ask("/status/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(family + "{"))


def test_old_values_go(make_cluster):
    cluster = make_cluster(worker=worker_with(retention=RULES))
    client = cluster.client()
    record_old_and_new(client, "kept")
    record_old_and_new(client, "short.a")
    client.record("short.b", 1, int(time.time() * 1000) - 2 * HOUR_MS)
    client.record("short.c", 1, int(time.time() * 1000) - 2 * HOUR_MS, labels={"host": "old"})
    client.record("short.c", 1, labels={"host": "new"})
    wait_for_count(client, "short.a", 10)
    wait_until_gone(client, "short.b")
    wait_for_count(client, "short.c", 1)
    assert client.values("short.a")["values"] == list(range(CHUNK, CHUNK + 10))
    assert client.get(path_of("short.c") + "/series").json()["series"][0]["labels"] == {"host": "new"}
    assert client.get(path_of("short.a") + "/histogram").json()["count"] == CHUNK + 10
    assert client.aggregate("kept")["count"] == CHUNK + 10
    listed = client.get("/metrics?format=json").json()["metrics"]
    assert {row["metric_name"]: row["count"] for row in listed} == {
        "kept": CHUNK + 10, "short.a": 10, "short.c": 1}
    for worker in cluster.workers:
        wait_until(lambda w=worker: total(w, "raftmetrics_store_dropped_samples_total") == CHUNK + 2, 20,
                   "every replica to have dropped the same")
        assert total(worker, "raftmetrics_store_expired_series_total") == 2
    client.record("short.b", 5)
    assert client.get(path_of("short.b") + "/histogram").json()["count"] == 1, "it begins anew"
    client.close()


def test_percentiles_say_how_exact_they_are(make_cluster):
    cluster = make_cluster(n_workers=1, worker=worker_with(retention=RULES))
    client = cluster.client()
    now = record_old_and_new(client, "short.a")
    wait_for_count(client, "short.a", 10)
    all_of_it = client.aggregate("short.a", agg="p50,count")
    assert 0 < all_of_it["quantile_error"] < 0.0055
    assert all_of_it["p50"] == pytest.approx((CHUNK + 9) / 2, rel=all_of_it["quantile_error"])
    assert all_of_it["count"] == 10, "the rest is of the values that are left"
    left = client.aggregate("short.a", agg="p50", **{"from": now})
    assert (left["p50"], left["quantile_error"]) == (CHUNK + 4.5, 0)
    half = client.aggregate("short.a", agg="p50", **{"from": now - 2 * HOUR_MS})
    assert (half["p50"], half["quantile_error"]) == (CHUNK + 4.5, None)
    stepped = client.aggregate("short.a", agg="p50", step="1h")
    assert stepped["quantile_error"] is None
    client.close()


def restart(cluster):
    for worker in cluster.workers:
        worker.kill()
    for worker in cluster.workers:
        worker.start(wait=False)
    cluster.wait_writable()


def check_state(client):
    assert client.aggregate("short.a")["count"] == 10
    assert client.get(path_of("short.a") + "/histogram").json()["count"] == CHUNK + 10
    check_error(client.get(path_of("short.b")), 404, "unknown_metric")


def test_what_is_gone_stays_gone(make_cluster):
    """After a restart from logs, and of another leader, too."""
    cluster = make_cluster(worker=worker_with(retention=RULES))
    client = cluster.client()
    record_old_and_new(client, "short.a")
    client.record("short.b", 1, int(time.time() * 1000) - 2 * HOUR_MS)
    wait_for_count(client, "short.a", 10)
    wait_until_gone(client, "short.b")
    restart(cluster)
    check_state(client)
    leader = cluster.worker(cluster.leader_of(0))
    leader.kill()
    cluster.wait_writable()
    check_state(client)
    leader.start()
    client.record("short.b", 1, int(time.time() * 1000) - 2 * HOUR_MS)
    wait_until_gone(client, "short.b")
    assert b"diverged" not in cluster.logs()
    client.close()


def test_what_finds_nothing_proposes_nothing(make_cluster):
    """The log has an entry for each write, and none for the looks of the leader meanwhile."""
    cluster = make_cluster(n_workers=1, worker=worker_with(retention=RULES))
    client = cluster.client()
    client.record("short.b", 1, int(time.time() * 1000) - 2 * HOUR_MS)
    client.record("short.c", 1)
    wait_until_gone(client, "short.b")
    (worker,) = cluster.workers
    before = total(worker, "raftmetrics_raft_applied_index")
    until = time.monotonic() + 1  # a leader looks five times a second
    n_writes = 0
    while time.monotonic() < until:
        client.record("kept", n_writes)
        n_writes += 1
    assert total(worker, "raftmetrics_raft_applied_index") == before + n_writes
    client.close()


def test_the_oldest_make_room(make_cluster):
    cluster = make_cluster(worker=worker_with(max_samples_per_series=300))
    client = cluster.client()
    for begin in range(0, 2000, 100):
        client.record_all([item("m", i, 1_700_000_000_000 + i) for i in range(begin, begin + 100)])
    values = client.values("m")["values"]
    assert 300 <= len(values) < 300 + CHUNK
    assert values == list(range(2000 - len(values), 2000))
    assert client.get(path_of("m") + "/histogram").json()["count"] == 2000
    restart(cluster)
    assert client.values("m")["values"] == values
    client.close()


def test_what_is_full_refuses(make_cluster):
    cluster = make_cluster(worker=worker_with(max_samples_per_series=3, samples_full="refuse"))
    client = cluster.client()
    for i in range(3):
        client.record("m", i)
    check_error(client.post("/metrics", item("m", 3)), 429, "too_many_samples", "max_samples_per_series")
    both = {"metrics": [item("other", 1), item("m", 3)]}
    check_error(client.post("/metrics/batch", both), 429, "too_many_samples")
    check_error(client.get(path_of("other")), 404, "unknown_metric")
    four = {"metrics": [item("new", i) for i in range(4)]}
    check_error(client.post("/metrics/batch", four), 429, "too_many_samples")
    client.record("m", 3, labels={"host": "another"})
    restart(cluster)
    check_error(client.post("/metrics", item("m", 3)), 429, "too_many_samples")
    assert client.values("m", label="host:")["values"] == [0, 1, 2]
    assert client.delete(path_of("m")).status == 200
    client.record("m", 5)
    client.close()


def restart_with_rules(cluster):
    for worker in cluster.workers:
        worker.stop()
    for worker in cluster.workers:
        cluster.write_config(worker, node_id=worker.id, data_dir=str(cluster.data_directory / worker.name),
                             **worker_with(retention=RULES))
        worker.start(wait=False)
    cluster.wait_writable()


def test_rules_hold_for_what_is_there_already(make_cluster):
    cluster = make_cluster(worker=worker_with())
    client = cluster.client()
    record_old_and_new(client, "short.a")
    record_old_and_new(client, "kept")
    restart_with_rules(cluster)
    wait_for_count(client, "short.a", 10)
    assert client.aggregate("kept")["count"] == CHUNK + 10
    client.close()


def series_page(client, name, **query):
    answer = client.get(path_of(name) + "/series", {"limit": 10, **query}).json()
    return [int(row["labels"]["n"]) for row in answer["series"]], answer["next"]


def test_a_cursor_knows_its_place_where_series_go(make_cluster):
    """Two thirds of the series go between two pages, and the workers begin anew."""
    cluster = make_cluster(worker=worker_with())
    client = cluster.client()
    now = int(time.time() * 1000)
    times = [now if i % 3 == 2 else now - 2 * HOUR_MS for i in range(60)]
    for i, timestamp in enumerate(times):
        client.record("short.a", 1, timestamp, labels={"n": str(i)})
    first, cursor = series_page(client, "short.a")
    assert first == list(range(10))
    restart_with_rules(cluster)
    wait_for_count(client, "short.a", 20)
    second, cursor = series_page(client, "short.a", cursor=cursor)
    assert second == list(range(11, 39, 3))
    client.record("short.a", 1, labels={"n": "60"})
    third, cursor = series_page(client, "short.a", cursor=cursor)
    assert third == [*range(41, 60, 3), 60] and cursor is None
    client.close()
