"""A million names against a limit of 256 MiB."""
from lib import exposition
from lib.checks import check_error
from lib.client import item, path_of

MIB = 1 << 20
LIMIT = 256 * MIB
N_NAMES = 1_000_000
BATCH = 10_000


def names_from(first):
    return [f"bomb.of.many.names.{number:07}" for number in range(first, first + BATCH)]


def post(client, names, value):
    return client.post("/metrics/batch", {"metrics": [item(name, value) for name in names]})


def recorded_of(answer, names):
    """Shards decide by themselves, so one batch may be refused by some of them only."""
    if answer.status == 200:
        return names
    if answer.status == 503:
        return [names[index] for index in check_error(answer, 503, "partially_recorded")["recorded"]]
    check_error(answer, 429, "memory_full", "max_memory_bytes")
    return []


def own_metric(node, name):
    return exposition.parse(node.ask("/status/metrics").body)[name].total()


def resident(nodes):
    return {node.name: own_metric(node, "process_resident_memory_bytes") for node in nodes}


def test_a_million_names(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"max_memory_bytes": LIMIT, "max_log_bytes": 16 * MIB})
    client, worker = cluster.client(timeout=60), cluster.worker(1)
    known, n_refused, before = [], 0, None
    for first in range(0, N_NAMES, BATCH):
        names = names_from(first)
        answer = post(client, names, 1)
        known += recorded_of(answer, names)
        if answer.status == 200:
            assert before is None, "names are taken again though nothing was deleted"
            continue
        before = before or resident(cluster.nodes)
        n_refused += 1
    assert n_refused >= 5, "a million names fit"
    assert LIMIT / 2 < own_metric(worker, "raftmetrics_store_bytes") < LIMIT + 8 * MIB
    assert own_metric(worker, "raftmetrics_store_series") == len(known)
    probes = known[::50]
    for first in range(0, len(probes), BATCH):
        assert post(client, probes[first:first + BATCH], 2).status == 200
    check_error(client.post("/metrics", item("one.more", 1)), 429, "memory_full", "max_memory_bytes")
    for name in probes[::50]:
        assert client.values(name)["values"] == [1, 2]
    check_error(client.get(path_of("one.more")), 404, "unknown_metric")
    assert own_metric(worker, "raftmetrics_store_series") == len(known)
    after = resident(cluster.nodes)
    assert all(after[name] < before[name] + 64 * MIB for name in before), (before, after)
    client.close()
    worker.kill()  # rather than to wait for sanitizers to free all of it
