"""GET /metrics/{name}/histogram against the same computed in Python."""
import bisect
import fractions
import math
import random

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of

DEFAULT = [0.0] + [float(f"{digits}e{power}") for power in range(-3, 7) for digits in ("1", "2.5", "5")]
ZERO_THRESHOLD = 2.0 ** -128


def histogram(client, name, **query):
    return check_json(client.get(path_of(name) + "/histogram", query))


def cumulative(values, bounds):
    ordered = sorted(values)
    counts = [{"le": le, "count": bisect.bisect_right(ordered, le)} for le in bounds]
    return counts + [{"le": "+Inf", "count": len(values)}]


def native_index(value, schema):
    """The bucket of |value|: the smallest i with |value| <= 2^(i / 2^schema), exactly."""
    exact = fractions.Fraction(abs(value))
    index = math.ceil(math.log2(abs(value)) * 2.0**schema) if abs(value) >= 2**-1022 else -1074 * 2**schema
    while not is_within(exact, index, schema):
        index += 1
    while is_within(exact, index - 1, schema):
        index -= 1
    return index


def is_within(exact, index, schema):
    """exact <= 2^(index / 2^schema): both to the power 2^schema, which is exact for schema >= 0."""
    if schema >= 0:
        return exact ** 2**schema <= fractions.Fraction(2) ** index
    return exact <= fractions.Fraction(2) ** (index * 2**-schema)


def side(values, schema):
    counts = {}
    for value in values:
        index = native_index(value, schema)
        counts[index] = counts.get(index, 0) + 1
    return [[index, counts[index]] for index in sorted(counts)]


def check_native(answer, values):
    schema = answer["schema"]
    assert -4 <= schema <= 6
    assert answer["zero_threshold"] == ZERO_THRESHOLD
    assert answer["zero_count"] == sum(abs(value) <= ZERO_THRESHOLD for value in values)
    assert answer["positive"] == side([value for value in values if value > ZERO_THRESHOLD], schema)
    assert answer["negative"] == side([value for value in values if value < -ZERO_THRESHOLD], schema)
    base = 2.0 ** 2.0**-schema
    assert answer["relative_error"] == pytest.approx((base - 1) / (base + 1), rel=1e-9)


def test_the_example(api, name):
    for value in (75.5, 80.2, 70.1):
        api.record(name, value)
    answer = histogram(api, name)
    assert set(answer) == {"metric_name", "count", "sum", "buckets", "timestamp"}
    assert (answer["metric_name"], answer["count"], answer["sum"]) == (name, 3, 225.8)
    assert answer["buckets"] == cumulative([75.5, 80.2, 70.1], DEFAULT)


@pytest.mark.parametrize("values", [
    DEFAULT, [-value for value in DEFAULT], [0.0, -0.0, 5e-324, -5e-324, ZERO_THRESHOLD, 2 * ZERO_THRESHOLD],
    [1.7976931348623157e308, -1.7976931348623157e308, 2.0**1023], [2.0**i for i in range(-20, 20)],
    [math.nextafter(1.0, 2), 1.0, math.nextafter(1.0, 0)]], ids=["bounds", "mirrored", "zeros", "huge", "powers", "near"])
def test_edges(api, name, values):
    api.record_all([item(name, value) for value in values])
    answer = histogram(api, name, native="true")
    assert answer["count"] == len(values)
    assert answer["buckets"] == cumulative(values, DEFAULT)
    check_native(answer, values)


def test_many_values_in_many_series(api, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values = [rng.choice([1, -1]) * rng.lognormvariate(0, 2) for _ in range(3000)]
    api.record_all([item(name, value, labels={"host": str(i % 7)}) for i, value in enumerate(values)])
    answer = histogram(api, name, native="true")
    assert answer["buckets"] == cumulative(values, DEFAULT)
    assert len(answer["positive"]) + len(answer["negative"]) <= 320 and answer["schema"] < 6
    check_native(answer, values)
    one = histogram(api, name, native="true", label="host:3")
    check_native(one, values[3::7])
    assert one["buckets"] == cumulative(values[3::7], DEFAULT)


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
    assert [bucket["le"] for bucket in histogram(client, "other")["buckets"]] == DEFAULT + ["+Inf"]
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
