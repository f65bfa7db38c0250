"""What the daemons tell of themselves at /status/metrics."""
import concurrent.futures
import os
import signal

import pytest

from lib import exposition
from lib.checks import check_error
from lib.client import path_of
from lib.placement import DEFAULT_SHARDS, shard_of
from lib.wait import wait_until

REQUESTS = "raftmetrics_http_requests_total"
OPENMETRICS = {"Accept": "application/openmetrics-text"}


def families_of(node):
    answer = node.ask("/status/metrics")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    return exposition.parse(answer.body)


def test_promtool_finds_nothing_wrong(shared, api, name):
    api.record(name, 1)
    for node in shared.nodes:
        assert exposition.promtool_check(node.ask("/status/metrics").body) == ""


def test_openmetrics_where_that_is_preferred(shared):
    for node in shared.nodes:
        answer = node.client().get("/status/metrics", headers=OPENMETRICS)
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        families = exposition.parse(answer.body, openmetrics=True)
        assert families["raftmetrics_http_requests"].type == "counter"


def test_names_and_units(shared):
    for node in shared.nodes:
        for family in families_of(node).values():
            assert family.name.startswith(("raftmetrics_", "process_"))
            assert (family.type == "counter") == family.name.endswith("_total")


def test_the_process(shared):
    for node in shared.nodes:
        families = families_of(node)
        assert families["raftmetrics_build_info"].total(role=node.kind) == 1
        assert families["process_resident_memory_bytes"].value() > 1 << 20
        assert families["process_open_fds"].value() == pytest.approx(len(os.listdir(f"/proc/{node.pid}/fd")), abs=8)
        assert families["process_max_fds"].value() >= 1024
        started = os.stat(f"/proc/{node.pid}").st_mtime
        assert families["process_start_time_seconds"].value() == pytest.approx(started, abs=60)


def test_requests_are_counted_by_route_and_code(shared, api, name):
    def counts():
        family = families_of(shared.control)[REQUESTS]
        return [family.total(method=method, route=route, code=code) for method, route, code in (
            ("POST", "/metrics", "200"), ("POST", "/metrics", "422"), ("GET", "/metrics/{name}", "200"),
            ("GET", "/metrics/{name}/aggregate", "404"), ("other", "other", "404"), ("other", "other", "401"))]
    before = counts()
    api.record(name, 1)
    api.record(name, 2)
    check_error(api.post("/metrics", {"metric_name": name}), 422, "missing_field")
    api.values(name)
    check_error(api.get(path_of(name + ".none") + "/aggregate"), 404, "unknown_metric")
    check_error(api.get("/nowhere"), 404, "not_found")
    check_error(api.get("/metrics", headers={"Authorization": "Bearer wrong"}), 401, "unauthorized")
    assert [after - count for after, count in zip(counts(), before)] == [2, 1, 1, 1, 1, 1]


def test_durations_are_of_what_was_answered(shared, api, name):
    def durations():
        families = families_of(shared.control)
        labels = {"method": "POST", "route": "/metrics"}
        family = families["raftmetrics_http_request_duration_seconds"]
        return family.total("_count", **labels), family.total("_sum", **labels)
    api.record(name, 1)
    count, seconds = durations()
    for _ in range(5):
        api.record(name, 1)
    after, seconds_after = durations()
    assert after == count + 5
    assert 0 < seconds_after - seconds < 60


def test_errors_are_counted_by_who_found_them(shared, api, name):
    leader = shared.worker(shared.leader_of(shard_of(name, DEFAULT_SHARDS)))

    def errors():
        found = [families_of(node)["raftmetrics_http_errors_total"] for node in (shared.control, leader)]
        return [family.total(code=code, error=error) for family in found
                for code, error in (("422", "invalid_value"), ("404", "unknown_metric"))]
    before = errors()
    check_error(api.post("/metrics", {"metric_name": name, "value": "x"}), 422, "invalid_value")
    check_error(api.get(path_of(name)), 404, "unknown_metric")
    assert [after - count for after, count in zip(errors(), before)] == [1, 0, 0, 1]


def test_refusals_are_told_before_the_first(shared):
    told = {(labels["code"], labels["error"])
            for labels in families_of(shared.control)["raftmetrics_http_errors_total"].label_sets()}
    assert {("429", "shard_full"), ("429", "idempotency_keys_full"), ("503", "no_leader"), ("503", "overloaded"),
            ("503", "disk_low"), ("503", "shutting_down"), ("503", "outcome_unknown")} <= told


def test_names_of_metrics_make_no_series(shared, api, names):
    asked = [next(names) for _ in range(3)]
    for name in asked:
        check_error(api.get(path_of(name)), 404, "unknown_metric")
    routes = {labels["route"] for node in shared.nodes for labels in families_of(node)[REQUESTS].label_sets()}
    assert {"/metrics/{name}", "/internal/metrics/{name}"} <= routes
    assert not any(name in route for name in asked for route in routes)


def test_writes_and_batches_of_control(shared, api, names):
    def figures():
        families = families_of(shared.control)
        return (families["raftmetrics_control_writes_total"].total(outcome="done"),
                families["raftmetrics_control_batch_size_writes"].value("_sum"),
                families["raftmetrics_control_batch_size_writes"].value("_count"),
                families["raftmetrics_control_batch_duration_seconds"].value("_count"))
    writes, in_batches, batches, durations = figures()
    items = [{"metric_name": next(names), "value": 1} for _ in range(40)]
    api.record_all(items)
    after = figures()
    made = after[0] - writes
    assert 1 <= made <= DEFAULT_SHARDS
    assert after[1] - in_batches == made
    assert 1 <= after[2] - batches <= made
    assert after[3] - durations == after[2] - batches


def test_queues_are_empty_when_all_is_answered(shared, api, name):
    api.record(name, 1)
    families = families_of(shared.control)
    for family in ("queued_writes", "queued_bytes", "inflight_writes"):
        samples = families[f"raftmetrics_control_{family}"].samples
        assert len(samples) == DEFAULT_SHARDS and set(samples.values()) == {0}


def test_writes_that_wait_are_told(cluster):
    cluster.wait_writable()
    client = cluster.client()
    leader = int(client.record("waits", 1)["message"].rpartition(" ")[2])
    others = [worker for worker in cluster.workers if worker.id != leader]

    def queued():
        families = families_of(cluster.control)
        return [families[f"raftmetrics_control_{what}"].total()
                for what in ("queued_writes", "inflight_writes", "queued_bytes")]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for worker in others:
            worker.signal(signal.SIGSTOP)  # no majority is left
        try:
            answer = pool.submit(client.post, "/metrics", {"metric_name": "waits", "value": 2})
            wait_until(lambda: queued()[:2] == [1, 1] and queued()[2] > 5, 5, "the write to be told")
        finally:
            for worker in others:
                worker.signal(signal.SIGCONT)
        assert answer.result().status == 200
    assert queued() == [0, 0, 0]


def test_replicas_as_the_status_tells_them(shared, api, name):
    api.record(name, 1)
    for worker in shared.workers:
        families = families_of(worker)
        for shard in worker.ask("/status").json()["shards"]:
            own = shard["replicas"][0]
            labels = {"shard": str(shard["id"])}
            assert families["raftmetrics_raft_term"].value(**labels) == shard["term"]
            assert families["raftmetrics_raft_is_leader"].value(**labels) == (shard["leader"] == worker.id)
            assert families["raftmetrics_raft_role"].total(role=own["role"], **labels) == 1
            assert families["raftmetrics_raft_applied_index"].value(**labels) <= own["applied_index"]
            lags = families["raftmetrics_raft_follower_lag_entries"].label_sets()
            assert (labels["shard"] in {each["shard"] for each in lags}) == (shard["leader"] == worker.id)


def test_what_the_shards_hold(shared, api, name):
    shard = str(shard_of(name, DEFAULT_SHARDS))
    leader = shared.worker(shared.leader_of(int(shard)))

    def held():
        families = families_of(leader)
        return [families[f"raftmetrics_store_{what}"].value(shard=shard)
                for what in ("metrics", "series", "samples", "bytes")]
    before = held()
    for host in ("a", "b"):
        for value in range(3):
            api.record(name, value, labels={"host": host})
    after = held()
    assert [count - former for count, former in zip(after[:3], before)] == [1, 2, 6]
    assert after[3] > before[3]


def test_appends_of_the_disk(shared, api, name):
    def appends():
        return sum(families_of(worker)["raftmetrics_raft_append_duration_seconds"].value("_count")
                   for worker in shared.workers)
    before = appends()
    api.record(name, 1)
    assert appends() >= before + 2  # a majority has it on disk
    for worker in shared.workers:
        families = families_of(worker)
        assert families["raftmetrics_raft_append_duration_seconds"].value("_sum") > 0
        assert (families["raftmetrics_raft_appended_entries_total"].value()
                >= families["raftmetrics_raft_append_duration_seconds"].value("_count"))
        assert families["raftmetrics_disk_free_bytes"].value() > 0


def test_all_loops_of_control_count_together(make_cluster):
    cluster = make_cluster(n_workers=1, control={"threads": 3})
    before = families_of(cluster.control)[REQUESTS].total(route="/health")
    for _ in range(24):  # each over a connection of its own: the kernel spreads them over the loops
        assert cluster.control.ask("/health").status == 200
    families = families_of(cluster.control)
    assert families["raftmetrics_control_loops"].value() == 3
    assert families[REQUESTS].total(route="/health") == before + 24
