"""The name alone decides the worker: jump consistent hash, then the first map of the cluster."""
import collections

import pytest

from lib.checks import check_json
from lib.client import item, path_of
from lib.placement import first_worker_of, jump_hash

NAMES = [f"jump.hash.{i}" + "/long" * (i % 40) for i in range(400)]


def placements(client):
    """{name: worker} of all that is listed."""
    query, placed = {"prefix": "jump.hash.", "format": "json", "limit": 10000}, {}
    while True:
        answer = check_json(client.get("/metrics", query))
        placed.update((row["metric_name"], row["worker"]) for row in answer["metrics"])
        if answer["next"] is None:
            return placed
        query["cursor"] = answer["next"]


def computed(shared, names):
    n_shards = len(shared.status()["shards"])
    return {each: first_worker_of(each, n_shards, [worker.id for worker in shared.workers]) for each in names}


def test_the_computation_itself():
    """A key stays or moves into the new bucket; known vectors of the published function."""
    vectors = [(0, 1, 0), (0, 60, 0), (42, 57, 43), (256, 1024, 520), (0xDEAD10CC, 666, 361),
               (10863919174838991, 11, 6)]
    assert [jump_hash(key, n) for key, n, _ in vectors] == [bucket for _, _, bucket in vectors]
    for key in range(0, 2**64, 2**64 // 97):
        for n in range(1, 40):
            assert jump_hash(key, n + 1) in (jump_hash(key, n), n)


def test_names_lie_where_computed(shared, api):
    api.record_all([item(each, 1) for each in NAMES])
    assert placements(api) == computed(shared, NAMES)


def test_the_answers_say_so(shared, api):
    for each, worker in computed(shared, NAMES[:40]).items():
        assert api.record(each, 2)["message"] == f"Metric recorded on worker {worker}"
    for each, worker in computed(shared, NAMES[:40]).items():
        assert check_json(api.delete(path_of(each)))["message"] == f"Metric deleted from worker {worker}"


def test_every_worker_has_its_share(shared):
    counts = collections.Counter(computed(shared, NAMES).values())
    n_shards = len(shared.status()["shards"])
    for worker in shared.workers:
        led = len([shard for shard in range(n_shards) if shard % 3 == worker.id - 1])
        assert counts[worker.id] == pytest.approx(len(NAMES) * led / n_shards, rel=0.5)
