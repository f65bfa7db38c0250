"""Reads that take longer than a worker's loop may be held: they are worked off in slices, and tell of
one moment all the same."""
import concurrent.futures
import contextlib
import threading

import pytest

from lib.checks import check_error
from lib.client import item, path_of
from lib.exposition import parse
from lib.placement import DEFAULT_SHARDS, shard_of
from lib.wait import wait_until

N_VALUES = 600_000  # several slices of them
N_AT_ONCE = 10_000
N_SERIES, N_IN_EACH = 4000, 20  # also for a histogram of them
SPECIAL = 77.5


def slow_reads(node):
    return parse(node.ask("/status/metrics").body)["raftmetrics_worker_slow_reads_total"].value()


def fill(client, name):
    for start in range(0, N_VALUES, N_AT_ONCE):
        client.record_all([item(name, value % 1000, 1_000_000_000_000 + value, {"host": f"h{value % 7}"})
                           for value in range(start, start + N_AT_ONCE)])


@pytest.fixture(scope="module")
def filled(shared):
    name = "slow.filled"
    client = shared.client(timeout=30)
    fill(client, name)
    client.close()
    return name


def leader_of(cluster, name):
    return cluster.worker(cluster.leader_of(shard_of(name, DEFAULT_SHARDS)))


class Writer(threading.Thread):
    """Writes pairs that cancel out, of a series that is there and of a new one, until it is told
    to stop: both at once, for they are of one metric."""

    def __init__(self, cluster, name):
        super().__init__()
        self.n = 0
        self.error = None
        self.is_over = False
        self._client = cluster.client(timeout=30)
        self._name = name
        self.start()

    def run(self):
        try:
            while not self.is_over:
                self._client.record_all([item(self._name, SPECIAL, None, {"host": f"h{self.n % 7}"}),
                                         item(self._name, -SPECIAL, None, {"host": f"new{self.n}"})])
                self.n += 1
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error
        finally:
            self._client.close()

    def stop(self):
        self.is_over = True
        self.join()
        if self.error is not None:
            raise self.error


def test_slices_tell_of_one_moment(shared, filled):
    client = shared.client(timeout=30)
    before = slow_reads(leader_of(shared, filled))
    whole = client.aggregate(filled, agg="sum,count,median,p99")
    assert whole["sum"] == sum(value % 1000 for value in range(N_VALUES))
    assert (whole["count"], whole["median"]) == (N_VALUES, 499.5)
    assert whole["p99"] == pytest.approx(989.01)
    assert slow_reads(leader_of(shared, filled)) > before
    writer = Writer(shared, filled)
    try:
        seen = set()
        for _ in range(20):
            steps = client.aggregate(filled, agg="sum,count,p50", step="60ms")["series"]
            assert sum(step["sum"] for step in steps) == whole["sum"]
            count = sum(step["count"] for step in steps)
            assert (count - N_VALUES) % 2 == 0
            seen.add(count)
    finally:
        writer.stop()
    assert len(seen) > 1 and client.aggregate(filled, agg="count")["count"] == N_VALUES + 2 * writer.n
    client.close()


def test_groups_in_steps_have_the_order_of_the_same_moment(shared, filled):
    client = shared.client(timeout=30)
    answer = client.aggregate(filled, agg="count,p90", group_by="host", order_by="first:desc", limit=7, step="100s",
                              to=1_500_000_000_000, precision="ms")
    assert [group["labels"]["host"] for group in answer["groups"]] == [f"h{i}" for i in range(6, -1, -1)]
    assert sum(step["count"] for group in answer["groups"] for step in group["series"]) == N_VALUES
    client.close()


def fill_many(client, name):
    n = N_SERIES * N_IN_EACH
    for start in range(0, n, N_AT_ONCE):
        client.record_all([item(name, 1 + value % 1000, 1_000_000_000_000 + value, {"host": f"s{value % N_SERIES}"})
                           for value in range(start, min(start + N_AT_ONCE, n))])
    return n


def test_a_histogram_of_many_series_tells_of_one_moment(shared):
    client = shared.client(timeout=30)
    name = "slow.many"
    n = fill_many(client, name)
    before = slow_reads(leader_of(shared, name))
    writer = Writer(shared, name)
    try:
        counts = set()
        for _ in range(20):
            answer = client.get(path_of(name) + "/histogram", {"native": "true"}).json()
            at_zero, *_, at_infinity = [bucket["count"] for bucket in answer["buckets"]]
            assert at_infinity == answer["count"] == n + 2 * at_zero
            assert sum(count for _, count in answer["negative"]) == at_zero
            counts.add(answer["count"])
    finally:
        writer.stop()
    assert len(counts) > 1 and slow_reads(leader_of(shared, name)) >= before + 20
    client.close()


def test_values_of_many_series_are_those_of_one_moment(shared):
    client = shared.client(timeout=30)
    name = "slow.values"
    n = fill_many(client, name)
    total = sum(1 + value % 1000 for value in range(n))
    before = slow_reads(leader_of(shared, name))
    writer = Writer(shared, name)
    try:
        counts = set()
        for _ in range(10):
            values = client.get(path_of(name), {"limit": str(1_000_000)}).json()["values"]
            assert sum(values) == total and (len(values) - n) % 2 == 0
            counts.add(len(values))
            newest = client.get(path_of(name), {"limit": str(n // 2)}).json()
            assert len(newest["values"]) == n // 2 and newest["total"] >= n
    finally:
        writer.stop()
    assert len(counts) > 1 and slow_reads(leader_of(shared, name)) >= before + 20
    client.close()


def check_order(groups, key):
    assert groups == sorted(groups, key=lambda group: (-key(group), group["labels"]["host"]))


def test_many_groups_tell_of_one_moment_in_one_order(shared):
    client = shared.client(timeout=30)
    name = "slow.groups"
    n = fill_many(client, name)
    total = sum(1 + value % 1000 for value in range(n))
    before = slow_reads(leader_of(shared, name))
    writer = Writer(shared, name)
    try:
        counts = set()
        for _ in range(10):
            groups = client.aggregate(name, agg="sum,count", group_by="host", order_by="sum:desc")["groups"]
            check_order(groups, lambda group: group["sum"])
            assert sum(group["sum"] for group in groups) == total
            counts.add(sum(group["count"] for group in groups))
            groups = client.aggregate(name, agg="sum,count", group_by="host", order_by="sum:desc",
                                      step="20s")["groups"]
            check_order(groups, lambda group: sum(step["sum"] for step in group["series"]))
            assert sum(step["sum"] for group in groups for step in group["series"]) == total
    finally:
        writer.stop()
    assert len(counts) > 1 and slow_reads(leader_of(shared, name)) >= before + 20
    client.close()


def test_what_is_deleted_under_it_is_told_as_it_was(make_cluster):
    cluster = make_cluster()
    client, other = cluster.client(timeout=30), cluster.client(timeout=30)
    name = "slow.deleted"
    fill(client, name)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(cluster.client(timeout=30).get(
        path_of(name) + "/aggregate", {"agg": "sum,p50,p99.9"}))) for _ in range(8)]
    before = slow_reads(leader_of(cluster, name))
    for thread in threads:
        thread.start()
    wait_until(lambda: slow_reads(leader_of(cluster, name)) > before, 10, "a slow read")
    assert other.delete(path_of(name)).status == 200
    for thread in threads:
        thread.join()
    assert 200 in {answer.status for answer in answers}
    for answer in answers:
        if answer.status == 200:
            assert answer.json()["sum"] == sum(value % 1000 for value in range(N_VALUES))
        else:
            check_error(answer, 404, "unknown_metric")
    check_error(client.get(path_of(name)), 404, "unknown_metric")
    client.close()
    other.close()


def test_they_may_not_hold_too_much_together(make_cluster):
    cluster = make_cluster(worker={"max_memory_bytes": 1 << 20})  # an eighth is less than a median of many values takes
    client = cluster.client(timeout=30)
    name = "slow.memory"
    fill(client, name)

    def ask_median(_):
        with contextlib.closing(cluster.client(timeout=30)) as own:
            return own.get(path_of(name) + "/aggregate", {"agg": "p50"})

    statuses = set()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(100):
            for answer in pool.map(ask_median, range(8)):
                statuses.add(answer.status)
                if answer.status != 200:
                    check_error(answer, 503, "overloaded")
            if len(statuses) == 2:
                break
    assert statuses == {200, 503}
    assert client.aggregate(name, agg="p50") is not None
    client.close()


def test_a_worker_that_stops_leaves_nobody_without_an_answer(make_cluster):
    cluster = make_cluster()
    client = cluster.client(timeout=30)
    name = "slow.stopped"
    fill(client, name)
    leader = leader_of(cluster, name)
    before = slow_reads(leader)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(cluster.client(timeout=30).get(
        path_of(name) + "/aggregate", {"agg": "p50,p99.9", "group_by": "host"}))) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: slow_reads(leader) > before, 10, "a slow read")
    assert leader.stop() == 0
    for thread in threads:
        thread.join()
    assert len(answers) == 16
    assert {answer.status for answer in answers} <= {200, 503, 504}, answers
    client.close()
