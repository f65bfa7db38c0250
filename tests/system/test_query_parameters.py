"""A typo in a query must not silently widen it."""
import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of

TARGETS = {
    "values": "/metrics/known", "aggregate": "/metrics/known/aggregate", "listing": "/metrics?format=json",
    "health": "/health", "status": "/status",
}


@pytest.fixture(autouse=True)
def known(api):
    api.record("known", 1)


def with_query(target, query):
    return target + ("&" if "?" in target else "?") + query


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("parameter", ["form=1", "Limit=1", "lable=host:x", "from%20=1", "utm_source=x",
                                       "windows=5m"])
def test_unknown_parameters_are_named(api, target, parameter):
    word = parameter.partition("=")[0].replace("%20", " ")
    check_error(api.get(with_query(target, parameter)), 400, mentions=word)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_hostile_parameters_are_refused(api, target):
    for query in ("%", "a=%zz", "limit=%00", "%ff=1", "limit=%c0%af", "=1", "from"):
        check_error(api.get(with_query(target, query)), 400)


def test_parameters_of_writes_are_checked(api, name):
    check_error(api.post("/metrics?limit=1", item(name, 1)), 400, mentions="limit")
    check_error(api.post("/metrics/batch?window=1m", {"metrics": [item(name, 1)]}), 400, mentions="window")
    check_error(api.delete("/metrics/known?really=1"), 400, mentions="really")
    check_error(api.get(path_of(name)), 404, "unknown_metric")
    assert api.values("known")["values"]


@pytest.mark.parametrize("parameter, value", [
    ("from", "2024-01-01T00:00:00Z"), ("to", "2024-01-01T00:00:00Z"), ("window", "5m"), ("limit", "5"),
    ("timestamps", "true"),
    ("by", "series"), ("level", "weak"), ("decimals", "2"), ("labels", "a:b"), ("cursor", "x")])
def test_repeated_parameters_are_named(api, parameter, value):
    check_error(api.get(f"/metrics/known?{parameter}={value}&{parameter}={value}"), 400, mentions=parameter)


def test_repeated_parameters_of_an_aggregate_are_named(api):
    check_error(api.get("/metrics/known/aggregate?agg=max&agg=min"), 400, mentions="agg")


def test_repeated_parameters_of_a_listing_are_named(api):
    check_error(api.get("/metrics?format=json&prefix=a&prefix=b"), 400, mentions="prefix")


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=1000001", "limit=", "limit=99999999999999999999",
    "limit=%205",
    "timestamps=maybe", "timestamps=", "by=host", "by=", "level=strong", "level=", "cursor=nonsense", "cursor="])
def test_malformed_parameters_are_named(api, query):
    check_error(api.get("/metrics/known?" + query), 400, mentions=query.partition("=")[0])


@pytest.mark.parametrize("query", ["agg=", "agg=maximum", "agg=max,,min", "agg=max,", "agg=p", "agg=p101",
                                   "agg=MAX",
                                   "agg=count%20", "timestamps=true", "by=series", "cursor=x"])
def test_malformed_parameters_of_an_aggregate_are_named(api, query):
    check_error(api.get("/metrics/known/aggregate?" + query), 400, mentions=query.partition("=")[0])


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "cursor=%25", "format=xml", "format=",
                                   "from=1"])
def test_malformed_parameters_of_a_listing_are_named(api, query):
    target = "/metrics?" + query + ("" if "format" in query else "&format=json")
    check_error(api.get(target), 400, mentions=query.partition("=")[0])


@pytest.mark.parametrize("level", ["none", "weak", "linearizable"])
def test_levels(api, level):
    assert check_json(api.get("/metrics/known", {"level": level}))["values"]
    assert check_json(api.get("/metrics/known/aggregate", {"level": level}))["count"]


def test_parameters_are_decoded(api, name):
    api.record(name, 1, labels={"host": "a b&c=d+e%"})
    assert api.values(name, label="host:a b&c=d+e%")["values"] == [1]
    assert api.get(f"{path_of(name)}?label=host%3Aa%20b%26c%3dd%2be%25").json()["values"] == [1]
    assert api.get(f"{path_of(name)}?%6cimit=1").json()["values"] == [1]


def test_a_bare_question_mark_asks_for_nothing(api):
    check_json(api.get("/metrics/known?"))


def test_parameters_are_checked_before_the_metric_is_sought(api, name):
    check_error(api.get(path_of(name) + "?limt=5"), 400, mentions="limt")
