"""Instants in requests: their forms, their precision, their order."""
import pytest

from lib.checks import check_error
from lib.client import item, path_of
from lib.model import timestamp_of

MS = 1732568363376
AS_TEXT = "2024-11-25T20:59:23.376Z"


def recorded_time(api, name):
    times = api.values(name, timestamps="true")["timestamps"]
    assert len(times) == 1
    return times[0]


@pytest.mark.parametrize("given, shown", [
    (MS, AS_TEXT),
    (AS_TEXT, AS_TEXT),
    ("2024-11-25T20:59:23Z", "2024-11-25T20:59:23.000Z"),
    ("2024-11-25T22:29:23.376+01:30", AS_TEXT),
    ("2024-11-25T12:59:23.376-08:00", AS_TEXT),
    ("2024-11-25t20:59:23.376z", AS_TEXT),
    ("2024-11-25T20:59:23.3769999Z", AS_TEXT),
    ("2024-11-25T20:59:23.4Z", "2024-11-25T20:59:23.400Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
    ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
    (100_000_000_000, "1973-03-03T09:46:40.000Z"),
    (-100_000_000_000, "1966-10-31T14:13:20.000Z"),
    (-62135596800000, "0001-01-01T00:00:00.000Z"),
    (253402300799999, "9999-12-31T23:59:59.999Z"),
])
def test_forms(api, name, given, shown):
    api.record(name, 1, given)
    assert recorded_time(api, name) == shown


@pytest.mark.parametrize("bad", [
    "", "yesterday", "2024-11-25", "2024-11-25T20:59:23", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z",
    "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-11-25T24:00:00Z", "2024-11-25T23:60:00Z",
    "2024-11-25T20:59:23.Z", "2024-11-25T20:59:23+0100", "2024-11-25T20:59:23+24:00", " 2024-11-25T20:59:23Z",
    "2024-11-25T20:59:23Z ", "0000-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
    "1732568363376", True, [], {}, 1732568363376.5, 253402300800000, -62135596800001, 10**30, -(10**30),
])
def test_bad_forms(api, name, bad):
    check_error(api.post("/metrics", item(name, 1, bad)), 422, mentions="timestamp")
    check_error(api.get(path_of(name)), 404, "unknown_metric")


@pytest.mark.parametrize("count", [0, 1, -1, 1732568363, 99_999_999_999, -99_999_999_999])
def test_seconds_by_mistake(api, name, count):
    check_error(api.post("/metrics", item(name, 1, count)), 422, "ambiguous_timestamp")
    check_error(api.post("/metrics/batch", {"metrics": [item(name, 1), item(name, 1, count)]}), 422, mentions="1")
    check_error(api.get(path_of(name)), 404, "unknown_metric")


@pytest.mark.parametrize("precision, count, shown", [
    ("s", 1732568363, "2024-11-25T20:59:23.000Z"),
    ("s", 0, "1970-01-01T00:00:00.000Z"),
    ("s", -1, "1969-12-31T23:59:59.000Z"),
    ("ms", MS, AS_TEXT),
    ("ms", 5, "1970-01-01T00:00:00.005Z"),
    ("us", MS * 1000 + 999, AS_TEXT),
    ("us", -1, "1969-12-31T23:59:59.999Z"),
    ("ns", MS * 1_000_000 + 999_999, AS_TEXT),
])
def test_precision(api, name, precision, count, shown):
    answer = api.post("/metrics", item(name, 1, count), {"precision": precision})
    assert answer.status == 200, answer
    assert recorded_time(api, name) == shown


def test_precision_of_a_batch(api, name):
    answer = api.post("/metrics/batch", {"metrics": [item(name, 1, 1732568363)]}, {"precision": "s"})
    assert answer.status == 200, answer
    assert recorded_time(api, name) == "2024-11-25T20:59:23.000Z"


def test_a_large_value_shifts_no_nanoseconds(api, name):
    """An integer that no 64 bits hold must be read as a double; the others must not."""
    times = [MS * 1_000_000 + 1_000_000 * i for i in range(6)]
    items = [item(name, 10**20 if i == 3 else i, time) for i, time in enumerate(times)]
    assert api.post("/metrics/batch", {"metrics": items}, {"precision": "ns"}).status == 200
    answer = api.values(name, timestamps="true")
    assert answer["values"] == [0, 1, 2, 1e20, 4, 5]
    assert answer["timestamps"] == [timestamp_of(MS + i) for i in range(6)]


@pytest.mark.parametrize("target", ["/metrics?precision=h", "/metrics?precision=",
                                    "/metrics?precision=s&precision=s"])
def test_bad_precision_is_named(api, name, target):
    check_error(api.post(target, item(name, 1)), 400, mentions="precision")


def test_values_come_back_in_time_order(api, name):
    for offset in (5, 1, 9, 3, 7):
        api.record(name, offset, MS + offset)
    assert api.values(name)["values"] == [1, 3, 5, 7, 9]


def test_equal_times_keep_the_order_of_commits(api, name):
    for value in range(40):
        api.record(name, value, MS, {"series": str(value % 7)})
    assert api.values(name)["values"] == list(range(40))


def test_equal_times_of_a_batch_keep_its_order(api, name):
    api.record_all([item(name, value, MS, {"series": str(value * 31 % 11)}) for value in range(1000)])
    assert api.values(name)["values"] == list(range(1000))


@pytest.fixture
def line(api, name):
    """Ten values, one a second."""
    api.record_all([item(name, i, MS + 1000 * i) for i in range(10)])
    return name


@pytest.mark.parametrize("query, values", [
    ({"from": MS + 3000}, [3, 4, 5, 6, 7, 8, 9]),
    ({"to": MS + 3000}, [0, 1, 2]),
    ({"from": MS + 3000, "to": MS + 5000}, [3, 4]),
    ({"from": MS + 3000, "to": MS + 5001}, [3, 4, 5]),
    ({"from": "2024-11-25T20:59:30.376Z"}, [7, 8, 9]),
    ({"from": "2024-11-25T21:59:30.376+01:00"}, [7, 8, 9]),
    ({"from": 1732568370, "precision": "s"}, [7, 8, 9]),
    ({"from": "2030-01-01T00:00:00Z"}, []),
    ({"from": MS + 3000, "to": MS + 3000}, []),
])
def test_ranges(api, line, query, values):
    assert api.values(line, **query)["values"] == values
    assert api.aggregate(line, **query)["count"] == len(values)


def test_window_is_the_last_such_time(api, name):
    api.record(name, 1, "2001-01-01T00:00:00Z")
    api.record(name, 2)
    assert api.values(name, window="1h30m")["values"] == [2]
    assert api.aggregate(name, window="7d")["sum"] == 2


@pytest.mark.parametrize("query", ["from=yesterday", "to=2024-01-01", "from=", "window=5", "window=m", "window=0s",
                                   "window=-5m",
                                   "window=5m5", "window=1.5h", "window=5y", "window=1h&from=1732568363376"])
def test_bad_ranges_are_named(api, line, query):
    for suffix in ("", "/aggregate"):
        check_error(api.get(f"{path_of(line)}{suffix}?{query}"), 400, mentions=query.split("=")[0])


def test_a_range_in_seconds_by_mistake(api, line):
    answer = api.get(path_of(line), {"from": 1732568363})
    assert answer.status in (400, 422)
    check_error(answer, answer.status, "ambiguous_timestamp")
