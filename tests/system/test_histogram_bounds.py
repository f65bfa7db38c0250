"""histogram_bounds: the bounds of classic histograms by patterns of names, fixed at a metric's first value."""
from lib import exposition
from lib.checks import check_error
from lib.client import path_of

DEFAULT = [0] + [factor * 10.0 ** power for power in range(-3, 7) for factor in (1, 2.5, 5)]


def bounds_of(client, *names):
    """As the exposition of each has them, without +Inf."""
    families = exposition.parse(client.get("/metrics").body)
    return [[float(labels["le"]) for labels in families[name].label_sets("_bucket")][:-1] for name in names]


def start_again(cluster, bounds):
    """All workers, with other bounds."""
    for worker in cluster.workers:
        worker.stop()
    for worker in cluster.workers:
        cluster.write_config(worker, node_id=worker.id, data_dir=str(cluster.data_directory / worker.name),
                             histogram_bounds=bounds)
        worker.start(wait=False)
    cluster.wait_writable()


def test_the_first_pattern_that_matches_decides(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"histogram_bounds": {
        "http:*_seconds": [0.1, 0.5, 2.5], "http:*": [-1, 1000], "cpu?": [], "plain": DEFAULT}})
    client = cluster.client()
    for name in ("http:get_seconds", "http:size", "cpu0", "cpu10", "plain", "other"):
        client.record(name, 1)
    assert bounds_of(client, "http:get_seconds", "http:size", "cpu0", "cpu10", "plain", "other") == [
        [0.1, 0.5, 2.5], [-1, 1000], [], DEFAULT, DEFAULT, DEFAULT]
    families = exposition.parse(client.get("/metrics").body)
    assert families["http:get_seconds"].value("_bucket", le="0.5") == 0
    assert families["http:get_seconds"].value("_bucket", le="2.5") == 1
    client.close()


def test_a_metric_keeps_its_bounds(make_cluster):
    cluster = make_cluster(worker={"histogram_bounds": {"m*": [1, 2]}})
    client = cluster.client()
    client.record("m1", 1.5)
    client.record("other", 1.5)
    start_again(cluster, {"*": [5, 6, 7]})
    for name in ("m1", "m2", "other"):
        client.record(name, 1.5)
    assert bounds_of(client, "m1", "m2", "other") == [[1, 2], [5, 6, 7], DEFAULT]
    assert client.delete(path_of("m1")).status == 200
    check_error(client.get(path_of("m1")), 404, "unknown_metric")
    client.record("m1", 1.5)
    start_again(cluster, None)
    client.record("m3", 1.5)
    assert bounds_of(client, "m1", "m2", "m3") == [[5, 6, 7], [5, 6, 7], DEFAULT]
    client.close()
