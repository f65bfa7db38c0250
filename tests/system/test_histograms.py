"""GET /metrics/{name}/histogram against the same computed in Python."""
import math
import random

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.model import DEFAULT_BOUNDS, ZERO_THRESHOLD, check_native, cumulative


def histogram(client, name, **query):
    return check_json(client.get(path_of(name) + "/histogram", query))


def test_the_example(api, name):
    for value in (75.5, 80.2, 70.1):
        api.record(name, value)
    answer = histogram(api, name)
    assert set(answer) == {"metric_name", "count", "sum", "buckets", "timestamp"}
    assert (answer["metric_name"], answer["count"], answer["sum"]) == (name, 3, 225.8)
    assert answer["buckets"] == cumulative([75.5, 80.2, 70.1], DEFAULT_BOUNDS)


@pytest.mark.parametrize("values", [
    DEFAULT_BOUNDS, [-value for value in DEFAULT_BOUNDS], [0.0, -0.0, 5e-324, -5e-324, ZERO_THRESHOLD, 2 * ZERO_THRESHOLD],
    [1.7976931348623157e308, -1.7976931348623157e308, 2.0**1023], [2.0**i for i in range(-20, 20)],
    [math.nextafter(1.0, 2), 1.0, math.nextafter(1.0, 0)]], ids=["bounds", "mirrored", "zeros", "huge", "powers", "near"])
def test_edges(api, name, values):
    api.record_all([item(name, value) for value in values])
    answer = histogram(api, name, native="true")
    assert answer["count"] == len(values)
    assert answer["buckets"] == cumulative(values, DEFAULT_BOUNDS)
    check_native(answer, values)


def test_many_values_in_many_series(api, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values = [rng.choice([1, -1]) * rng.lognormvariate(0, 2) for _ in range(3000)]
    api.record_all([item(name, value, labels={"host": str(i % 7)}) for i, value in enumerate(values)])
    answer = histogram(api, name, native="true")
    assert answer["buckets"] == cumulative(values, DEFAULT_BOUNDS)
    assert len(answer["positive"]) + len(answer["negative"]) <= 320 and answer["schema"] < 6
    check_native(answer, values)
    one = histogram(api, name, native="true", label="host:3")
    check_native(one, values[3::7])
    assert one["buckets"] == cumulative(values[3::7], DEFAULT_BOUNDS)


def test_no_series_of_that_label(api, name):
    api.record(name, 1)
    answer = histogram(api, name, label="no:such")
    assert answer["count"] == 0 and answer["buckets"][-1] == {"le": "+Inf", "count": 0}


def test_a_sum_that_overflows(api, name):
    for _ in range(2):
        api.record(name, 1.7e308)
    answer = histogram(api, name)
    assert answer["sum"] is None and answer["overflow"] is True


@pytest.mark.parametrize("query", [{"from": "1732568363376"}, {"window": "5m"}, {"native": "yes"}, {"limit": "1"}], ids=str)
def test_what_it_does_not_take(api, name, query):
    api.record(name, 1)
    check_error(api.get(path_of(name) + "/histogram", query), 400, None, list(query))


def test_bounds_by_pattern_are_fixed_at_the_first_value(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"histogram_bounds": {"http.*": [0.1, 1]}})
    client = cluster.client()
    for name in ("http.a", "other"):
        client.record(name, 0.5)
    assert [bucket["le"] for bucket in histogram(client, "http.a")["buckets"]] == [0.1, 1, "+Inf"]
    assert [bucket["le"] for bucket in histogram(client, "other")["buckets"]] == DEFAULT_BOUNDS + ["+Inf"]
    worker = cluster.worker(1)
    worker.stop()
    cluster.write_config(worker, node_id=1, data_dir=str(cluster.data_directory / worker.name),
                         histogram_bounds={"*": [7]})
    worker.start()
    cluster.wait_writable()
    for name in ("http.a", "third"):
        client.record(name, 0.5)
    assert [bucket["le"] for bucket in histogram(client, "http.a")["buckets"]] == [0.1, 1, "+Inf"]
    assert [bucket["le"] for bucket in histogram(client, "third")["buckets"]] == [7, "+Inf"]
    client.close()
