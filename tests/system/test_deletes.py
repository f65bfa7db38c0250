"""DELETE while others write and read: what it removes, and what it leaves."""
import collections
import dataclasses
import itertools
import json
import random
import threading
import time

import pytest

from lib import exposition
from lib.checks import check_json
from lib.client import item, path_of
from lib.placement import shard_of
from lib.replicas import check_agree
from lib.wait import wait_until

N_SHARDS = 2
N_WRITERS = 4
N_DELETES = 25
WRITES_BETWEEN = 40
BATCH = 30
MS = 1732568363376


@dataclasses.dataclass
class Event:
    """A request: its values are those that it wrote, or those that it was answered."""
    began: float
    ended: float
    values: list


class Writers:
    """Clients of control and of workers that write values, no two of them the same, to one metric."""

    def __init__(self, cluster, name, seed):
        self.writes = []
        self.unexpected = []
        self._name = name
        self._values = itertools.count()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(cluster.client(), random.Random(seed + i)))
                         for i in range(N_WRITERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def wait_more(self, n):
        """Until so many further writes are answered."""
        wanted = len(self.writes) + n
        wait_until(lambda: len(self.writes) >= wanted or self.unexpected, 30, f"{n} writes")

    def _run(self, client, rng):
        try:
            while not self._done.is_set():
                self._write(client, rng)
        except BaseException as error:  # shown by the test; a thread must not die unseen
            self.unexpected.append(error)
        finally:
            client.close()

    def _write(self, client, rng):
        values = [next(self._values) for _ in range(rng.choice([1, 1, BATCH]))]
        items = [item(self._name, value, labels={"host": str(value % 5)}) for value in values]
        began = time.monotonic()
        answer = client.post("/metrics", items[0]) if len(items) == 1 else client.post("/metrics/batch",
                                                                                      {"metrics": items})
        assert answer.status == 200, answer
        self.writes.append(Event(began, time.monotonic(), values))


def values_of(client, name):
    """Of all series; none where the metric is unknown."""
    began = time.monotonic()
    answer = client.get(path_of(name), {"limit": 1_000_000})
    assert answer.status in (200, 404), answer
    values = answer.json()["values"] if answer.status == 200 else []
    return Event(began, time.monotonic(), values)


def check_read(read, writes, deletes):
    """@deletes: all that were answered 200, one after the other."""
    times = collections.Counter(read.values)
    assert not times or max(times.values()) == 1, "a value is there twice"
    over = [delete for delete in deletes if delete.ended < read.began]
    begun = [delete for delete in deletes if delete.began < read.ended]
    gone_before = over[-1].began if over else 0
    there_from = begun[-1].ended if begun else 0
    unknown = set(times)
    for write in writes:
        there = unknown & set(write.values)
        unknown -= there
        if write.ended < gone_before:
            assert not there, f"{there} were written before a DELETE that was answered"
        if write.began > there_from and write.ended < read.began:
            assert len(there) == len(write.values), f"{set(write.values) - there} are not there"
        if write.ended < read.began:
            assert len(there) in (0, len(write.values)), f"of {write.values} there is {there}"
    return unknown


def test_while_others_write(make_cluster):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    cluster = make_cluster(worker={"n_shards": N_SHARDS})
    name = "deleted.again"
    client = cluster.client()
    deletes, reads = [], []
    with Writers(cluster, name, seed) as writers:
        for turn in range(N_DELETES):
            writers.wait_more(WRITES_BETWEEN)
            began = time.monotonic()
            answer = client.delete(path_of(name))
            assert answer.status == 200, answer
            deletes.append(Event(began, time.monotonic(), []))
            if turn % 3:
                writers.wait_more(turn % 4)
            reads.append(values_of(client, name))
        writers.wait_more(WRITES_BETWEEN)
    assert not writers.unexpected
    reads.append(values_of(client, name))
    written = {value for write in writers.writes for value in write.values}
    for read in reads:
        check_read(read, writers.writes, deletes)
        assert set(read.values) <= written
    assert reads[-1].values, "nothing was written behind the last DELETE"
    check_all_ways(client, name, reads[-1].values)
    check_agree(cluster, shard_of(name, N_SHARDS), name)
    client.close()


def check_all_ways(client, name, values):
    """Nothing of what was removed counts anywhere."""
    answer = client.aggregate(name, agg="count,sum,min,max,p50")
    assert (answer["count"], answer["sum"]) == (len(values), sum(values))
    assert (answer["min"], answer["max"]) == (min(values), max(values))
    buckets = check_json(client.get(path_of(name) + "/histogram"))["buckets"]
    assert buckets == [{"le": bucket["le"], "count": sum(value <= float(bucket["le"]) for value in values)}
                       for bucket in buckets]
    series = check_json(client.get(path_of(name) + "/series"))["series"]
    assert {row["labels"]["host"]: row["count"] for row in series} == collections.Counter(
        str(value % 5) for value in values)
    (row,) = client.get("/metrics", {"format": "json", "prefix": name}).json()["metrics"]
    assert (row["count"], row["series"]) == (len(values), len(series))


# ---- answers under way ----

N_VALUES = 400_000  # 10 MB: more than what the sockets on the way hold
N_SERIES = 9000  # some 20 MB of text, likewise


def begin_get(client, target):
    """An answer of which the beginning is read."""
    connection = client._connect()
    connection.request("GET", target, headers={"Authorization": f"Bearer {client.token}"})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer, answer.read(1000)


@pytest.mark.parametrize("node", ["control", "worker"])
def test_while_its_values_are_read(make_cluster, node):
    """The answer is of one moment, that before the DELETE."""
    cluster = make_cluster(n_workers=1)
    api = cluster.client()
    for first in range(0, N_VALUES, 10000):
        api.record_all([item("m", value, MS + value) for value in range(first, first + 10000)])
    client = cluster.control.client() if node == "control" else cluster.worker(1).client()
    answer, body = begin_get(client, f"/metrics/m?limit={N_VALUES}&timestamps=true")
    assert api.delete("/metrics/m").status == 200
    api.record_all([item("m", -1, MS)])
    body = json.loads(body + answer.read())
    assert body["values"] == list(range(N_VALUES)) and len(body["timestamps"]) == N_VALUES
    assert api.values("m")["values"] == [-1]
    for each in (client, api):
        each.close()


@pytest.mark.parametrize("node", ["control", "worker"])
def test_while_it_is_exposed(make_cluster, node):
    """It ends where it is, and others are told whole."""
    cluster = make_cluster(n_workers=1, worker={"exposition": [{"pattern": "b*", "as": "gauge"}]})
    api = cluster.client()
    api.record_all([item("a", number, labels={"series": f"{number:030}"}) for number in range(N_SERIES)])
    for name in ("b1", "b2"):
        api.record_all([item(name, number, labels={"series": str(number)}) for number in range(3000)])
    client = cluster.control.client() if node == "control" else cluster.worker(1).client()
    answer, body = begin_get(client, "/metrics")
    assert api.delete("/metrics/a").status == 200
    api.record("a", 7)
    families = exposition.parse(body + answer.read())
    assert 0 < len(families["a"].label_sets("_count")) < N_SERIES
    for name in ("b1", "b2"):
        assert len(families[name].label_sets()) == 3000 and families[name].total() == sum(range(3000))
    assert api.aggregate("a")["count"] == 1
    for each in (client, api):
        each.close()
