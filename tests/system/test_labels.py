"""Labels of items: what is taken, and when two sets are the same series."""
import pytest

from lib.checks import check_error
from lib.client import item, path_of

GOOD = {
    "one": {"host": "web-1"},
    "dots, dashes, slashes": {"k8s.io/pod-name": "x"},
    "underscore first": {"_a": "x"},
    "any text": {"host": "gr\u00f6\u00dfe \U0001f600 \"quoted\" \\ , : = {}"},
    "longest name": {"n" * 128: "x"},
    "longest value": {"host": "v" * 1024},
    "as many as allowed": {f"l{i}": str(i) for i in range(32)},
}
BAD = {
    "le": {"le": "1"}, "two underscores": {"__name__": "x"}, "empty name": {"": "x"}, "digit first": {"1a": "x"},
    "space": {"a b": "x"}, "colon": {"a:b": "x"}, "umlaut": {"\u00e4": "x"}, "newline in value": {"a": "x\ny"},
    "tab in value": {"a": "\t"}, "c1 control in value": {"a": "\u0085"}, "delete in value": {"a": "\x7f"},
    "name too long": {"n" * 129: "x"}, "value too long": {"a": "v" * 1025},
    "value too long in bytes": {"a": "\u00e4" * 513}, "number": {"a": 1}, "null": {"a": None}, "list": {"a": []},
    "equal once written with _": {"a.b": "1", "a_b": "2"}, "equal likewise": {"a-b": "1", "a/b": "1"},
    "one too many": {f"l{i}": str(i) for i in range(33)},
}


@pytest.mark.parametrize("labels", GOOD.values(), ids=GOOD)
def test_good_labels_come_back(api, name, labels):
    api.record(name, 1, labels=labels)
    series = api.values(name, by="series")["series"]
    assert [row["labels"] for row in series] == [labels]


@pytest.mark.parametrize("labels", BAD.values(), ids=BAD)
def test_bad_labels_are_refused(api, name, labels):
    check_error(api.post("/metrics", item(name, 1, labels=labels)), 422, mentions="label")
    check_error(api.get(path_of(name)), 404, "unknown_metric")


@pytest.mark.parametrize("labels", [7, "host:web-1", ["host"], True])
def test_labels_are_an_object(api, name, labels):
    check_error(api.post("/metrics", item(name, 1, labels=labels)), 422, mentions="labels")


def test_labels_are_an_unordered_set(api, name):
    api.record(name, 1, 1732568363001, {"a": "1", "b": "2"})
    api.record(name, 2, 1732568363002, {"b": "2", "a": "1"})
    series = api.values(name, by="series")["series"]
    assert [row["values"] for row in series] == [[1, 2]]


def test_an_empty_value_is_no_label(api, name):
    api.record(name, 1, 1732568363001, {"a": "1", "b": ""})
    api.record(name, 2, 1732568363002, {"a": "1"})
    series = api.values(name, by="series")["series"]
    assert [(row["labels"], row["values"]) for row in series] == [({"a": "1"}, [1, 2])]


def test_an_empty_set_is_none(api, name):
    api.record(name, 1, 1732568363001, {})
    api.record(name, 2, 1732568363002)
    assert len(api.values(name, by="series")["series"]) == 1


@pytest.fixture
def hosts(api, name):
    api.record_all([
        item(name, 1, 1732568363001, {"host": "web-1", "dc": "eu"}),
        item(name, 2, 1732568363002, {"host": "web-2", "dc": "eu"}),
        item(name, 3, 1732568363003, {"host": "web-1", "dc": "us"}),
        item(name, 4, 1732568363004, {"host": "a:b,c", "dc": "eu"}),
        item(name, 5, 1732568363005),
    ])
    return name


@pytest.mark.parametrize("query, values", [
    ([("label", "host:web-1")], [1, 3]),
    ([("label", "host:web-1"), ("label", "dc:eu")], [1]),
    ([("labels", "host:web-1,dc:eu")], [1]),
    ([("labels", "dc:eu")], [1, 2, 4]),
    ([("label", "host:a:b,c")], [4]),
    ([("label", "host:nobody")], []),
    ([("label", "nolabel:x")], []),
    ([("label", "dc:eu"), ("labels", "host:web-2")], [2]),
    ([("label", "host:web-1"), ("label", "host:web-2")], []),
])
def test_filters(api, hosts, query, values):
    answer = api.get(path_of(hosts), query)
    assert answer.status == 200, answer
    assert answer.json()["values"] == values
    summary = api.get(path_of(hosts) + "/aggregate", query).json()
    assert summary["count"] == len(values) and (summary["sum"] or 0) == sum(values)


@pytest.mark.parametrize("query", ["label=host", "label=", "label=:web-1", "labels=host", "label=1a:x",
                                   "label=le:1",
                                   "labels=host:a,dc"])
def test_bad_filters_are_named(api, hosts, query):
    check_error(api.get(f"{path_of(hosts)}?{query}"), 400, mentions="label")
