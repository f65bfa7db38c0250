"""Percentiles, rates, groups and steps of GET /metrics/{name}/aggregate, and /series, against the same
computed in Python."""
import fractions
import random

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.model import quantile, timestamp_of

MS = 1732568363376
SPECIAL = [0.0, -0.0, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1e16, 1e16 + 2, 1.0, -1.0]


@pytest.fixture
def rng():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def check_quantile(answered, values, q):
    exact = quantile(sorted(values), q)
    scale = max(abs(fractions.Fraction(value)) for value in values)
    assert abs(fractions.Fraction(answered) - exact) <= scale * fractions.Fraction(2) ** -48, (answered, float(exact))


def aggregate_error(api, name, **query):
    return api.get(path_of(name) + "/aggregate", query)


# ---- percentiles ----

@pytest.mark.parametrize("values", [
    [5.0], [1.0, 2.0], [7.5] * 9, SPECIAL, [-value for value in SPECIAL],
    [1.7e308, -1.7e308], [float(i) for i in range(1000)]], ids=str)
def test_percentiles_are_exact(api, name, values):
    shuffled = values[:]
    random.Random(1).shuffle(shuffled)
    api.record_all([item(name, value, MS + i) for i, value in enumerate(shuffled)])
    answer = api.aggregate(name, agg="median,p0,p25,p99.9,p100")
    for field, q in [("median", 0.5), ("p0", 0), ("p25", 0.25), ("p99.9", 0.999), ("p100", 1)]:
        check_quantile(answer[field], values, q)
    assert (answer["p0"], answer["p100"]) == (min(values), max(values))
    assert answer["quantile_error"] == 0


def test_percentiles_of_many_values_in_many_series(api, name, rng):
    values = [rng.lognormvariate(0, 3) for _ in range(5000)]
    api.record_all([item(name, value, MS + rng.randrange(10**6), {"host": str(i % 70)})
                    for i, value in enumerate(values)])
    answer = api.aggregate(name, agg="p50,p95,p99")
    for field, q in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]:
        check_quantile(answer[field], values, q)


def test_percentiles_of_nothing_are_null(api, name):
    api.record(name, 1)
    answer = api.aggregate(name, agg="p50,rate,increase,count_rate", label="no:such")
    assert [answer[field] for field in ("p50", "rate", "increase", "count_rate")] == [None] * 4


# ---- rates ----

def increase_of(values):
    """Of a counter: a fall is a reset, after which all is new."""
    return sum((b - a if b >= a else b for a, b in zip(values, values[1:])), fractions.Fraction(0))


def test_increase_corrects_resets_by_series(api, name, rng):
    series = {}
    for host in ("a", "b", "c"):
        value, values = 0, []
        for _ in range(700):
            value = 0 if rng.random() < 0.02 else value + rng.randrange(100)
            values.append(value)
        series[host] = values
    items = [item(name, value, MS + i * 1000, {"host": host})
             for host, values in series.items() for i, value in enumerate(values)]
    rng.shuffle(items)
    api.record_all(items)
    total = sum(increase_of(values) for values in series.values())
    answer = api.aggregate(name, agg="increase,rate,count_rate")
    assert answer["increase"] == total
    assert answer["rate"] == pytest.approx(float(total / 699), rel=1e-14)
    assert answer["count_rate"] == pytest.approx(3 * 700 / 699, rel=1e-14)
    bounded = api.aggregate(name, agg="rate,increase", **{"from": MS + 100000, "to": MS + 200000})
    part = sum(increase_of(values[100:200]) for values in series.values())
    assert (bounded["increase"], bounded["rate"]) == (part, pytest.approx(float(part) / 100, rel=1e-14))


def test_increases_of_steps_add_up_to_the_whole(api, name):
    api.record_all([item(name, value, MS + i * 60000) for i, value in enumerate([10, 20, 5, 15, 25])])
    steps = api.aggregate(name, agg="increase,rate", step="1m")["series"]
    assert [step["increase"] for step in steps] == [0, 10, 5, 10, 10]
    assert [step["rate"] for step in steps] == pytest.approx([0, 1 / 6, 1 / 12, 1 / 6, 1 / 6])
    assert api.aggregate(name, agg="increase")["increase"] == 35


def test_the_rate_of_one_value_is_null(api, name):
    api.record(name, 5, MS)
    answer = api.aggregate(name, agg="rate,count_rate,increase")
    assert (answer["rate"], answer["count_rate"], answer["increase"]) == (None, None, 0)


# ---- groups ----

@pytest.fixture
def grouped(api, name):
    rows = [("web-1", "eu", 1), ("web-1", "eu", 5), ("web-2", "us", 9), ("web-3", "us", 4), (None, "us", 2)]
    for i, (host, dc, value) in enumerate(rows):
        labels = {"dc": dc} | ({"host": host} if host else {})
        api.record(name, value, MS + i, labels)
    return name


def test_groups(api, grouped):
    answer = api.aggregate(grouped, group_by="host", agg="count,sum")
    assert answer["groups"] == [{"labels": {}, "count": 1, "sum": 2},
                                {"labels": {"host": "web-1"}, "count": 2, "sum": 6},
                                {"labels": {"host": "web-2"}, "count": 1, "sum": 9},
                                {"labels": {"host": "web-3"}, "count": 1, "sum": 4}]


def test_groups_by_two_labels(api, grouped):
    answer = api.aggregate(grouped, group_by="dc,host", agg="max", label="dc:us")
    assert [group["labels"] for group in answer["groups"]] == [
        {"dc": "us"}, {"dc": "us", "host": "web-2"}, {"dc": "us", "host": "web-3"}]


@pytest.mark.parametrize("order, labels", [
    ("max:desc", ["web-2", "web-1", "web-3", None]), ("max", [None, "web-3", "web-1", "web-2"]),
    ("count:desc", ["web-1", None, "web-2", "web-3"]), ("p50:asc", [None, "web-1", "web-3", "web-2"])])
@pytest.mark.parametrize("step", [None, "1s"])
def test_the_order_of_groups(api, grouped, order, labels, step):
    query = {"group_by": "host", "order_by": order} | ({"step": step} if step else {})
    answer = api.aggregate(grouped, **query)
    assert [group["labels"].get("host") for group in answer["groups"]] == labels
    cut = api.aggregate(grouped, limit=2, **query)
    assert cut["groups"] == answer["groups"][:2]


def test_what_does_not_exist_is_last_in_any_order(api, name):
    api.record(name, 5, MS, {"host": "one"})
    for i, host in [(0, "two"), (1000, "two")]:
        api.record(name, i, MS + i, {"host": host})
    for order in ("rate:asc", "rate:desc"):
        groups = api.aggregate(name, group_by="host", order_by=order, agg="rate")["groups"]
        assert [group["labels"]["host"] for group in groups] == ["two", "one"]


# ---- steps ----

def test_a_window_ends_when_it_is_now_to_control(make_cluster, name):
    """Control stamps values; a worker on a machine with another clock must find them in a window."""
    cluster = make_cluster(n_workers=1)
    cluster.client().record(name, 5, MS)
    for now, values in ((MS, [5]), (MS + 59_999, [5]), (MS + 60_000, []), (MS - 1, [])):
        answer = cluster.internal(cluster.worker(1), f"/internal{path_of(name)}?window=1m", fields={"X-Now": str(now)})
        assert answer.status == 200 and answer.json()["values"] == values, (now - MS, answer)
        assert answer.json()["timestamp"] == timestamp_of(now), answer


def test_steps_are_aligned_and_empty_ones_left_out(api, name, rng):
    rows = [(MS + rng.randrange(20) * 60000 + rng.randrange(60000), rng.uniform(-5, 5)) for _ in range(60)]
    api.record_all([item(name, value, time) for time, value in rows])
    answer = api.aggregate(name, step="5m", agg="count,min,max,median")
    buckets = {}
    for time, value in rows:
        buckets.setdefault(time // 300000 * 300000, []).append(value)
    assert [row["count"] for row in answer["series"]] == [len(buckets[start]) for start in sorted(buckets)]
    for row, start in zip(answer["series"], sorted(buckets)):
        assert row["timestamp"] == timestamp_of(start)
        assert (row["min"], row["max"]) == (min(buckets[start]), max(buckets[start]))
        check_quantile(row["median"], buckets[start], 0.5)


def test_steps_of_groups(api, name):
    for i in range(4):
        api.record(name, i, 1732568400000 + i * 1000, {"host": f"web-{i % 2}"})
    answer = api.aggregate(name, step="2s", group_by="host", agg="sum,rate,count_rate")
    assert answer["groups"] == [
        {"labels": {"host": "web-0"}, "series": [
            {"timestamp": "2024-11-25T21:00:00.000Z", "sum": 0, "rate": 0, "count_rate": 0.5},
            {"timestamp": "2024-11-25T21:00:02.000Z", "sum": 2, "rate": 1, "count_rate": 0.5}]},
        {"labels": {"host": "web-1"}, "series": [
            {"timestamp": "2024-11-25T21:00:00.000Z", "sum": 1, "rate": 0, "count_rate": 0.5},
            {"timestamp": "2024-11-25T21:00:02.000Z", "sum": 3, "rate": 1, "count_rate": 0.5}]}]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
@pytest.mark.parametrize("step", ["1ms", "7d", "3650000d"])
def test_steps_at_the_ends_of_time(api, name, moment, step):
    api.record(name, 5, moment)
    (row,) = api.aggregate(name, step=step, agg="sum")["series"]
    assert row["sum"] == 5 and row["timestamp"] <= moment


def test_too_many_steps_are_refused(api, name):
    api.record_all([item(name, 1, MS + i) for i in range(10000)])
    api.record_all([item(name, 1, MS + 10000 + i) for i in range(1000)])
    assert len(api.aggregate(name, step="1ms", agg="count")["series"]) == 11000
    api.record(name, 1, MS + 20000)
    check_error(aggregate_error(api, name, step="1ms"), 400, "invalid_parameter", ["step", "11000"])


@pytest.mark.parametrize("query, mentions", [
    ({"agg": "p101"}, "p101"), ({"step": "5"}, "step"), ({"step": "0s"}, "step"), ({"order_by": "max"}, "group_by"),
    ({"limit": "3"}, "group_by"), ({"group_by": "host", "order_by": "host"}, "order_by"),
    ({"group_by": "host,host"}, "twice")], ids=str)
def test_what_is_refused(api, name, query, mentions):
    api.record(name, 1)
    check_error(aggregate_error(api, name, **query), 400, "invalid_parameter", mentions)


def test_a_sum_that_overflows_says_so_where_it_stands(api, name):
    for value, host in [(1.7e308, "a"), (1.7e308, "a"), (1, "b")]:
        api.record(name, value, MS, {"host": host})
    groups = api.aggregate(name, group_by="host", agg="sum")["groups"]
    assert groups == [{"labels": {"host": "a"}, "sum": None, "overflow": True}, {"labels": {"host": "b"}, "sum": 1}]


@pytest.mark.parametrize("agg", ["increase", "rate"])
def test_an_increase_that_overflows_says_so(api, name, agg):
    api.record_all([item(name, value, MS + i * 1000) for i, value in enumerate([0, 1.7e308, 0, 1.7e308])])
    assert check_json(aggregate_error(api, name, agg=agg))[agg] is None
    assert api.aggregate(name, agg=agg)["overflow"] is True
    steps = api.aggregate(name, agg=agg, step="2s")["series"]
    assert all("overflow" not in step for step in steps), steps


def test_a_rate_that_overflows_says_so_also_where_the_increase_does_not(api, name):
    api.record_all([item(name, 0, MS), item(name, 1e308, MS + 1)])
    answer = api.aggregate(name, agg="increase,rate")
    assert (answer["increase"], answer["rate"], answer["overflow"]) == (1e308, None, True)


# ---- /series ----

def test_series(api, name):
    for i in range(5):
        for value in range(i + 1):
            api.record(name, value, MS - value, {"host": f"web-{i}"})
    answer = check_json(api.get(path_of(name) + "/series"))
    assert answer["series"] == [{"labels": {"host": f"web-{i}"}, "count": i + 1, "last": 0} for i in range(5)]
    assert answer["next"] is None


def test_series_in_pages(api, name):
    api.record_all([item(name, i, MS, {"host": str(i)}) for i in range(25)])
    seen, query = [], {"limit": 10}
    for wanted in (10, 10, 5):
        page = check_json(api.get(path_of(name) + "/series", query))
        assert len(page["series"]) == wanted
        seen += [row["labels"]["host"] for row in page["series"]]
        query["cursor"] = page["next"]
    assert page["next"] is None and sorted(map(int, seen)) == list(range(25))


def test_series_of_nothing(api, name):
    check_error(api.get(path_of(name) + "/series"), 404, "unknown_metric")
