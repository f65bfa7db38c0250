"""Which metric names are taken, in bodies and in paths."""
import pytest

from lib.checks import check_error
from lib.client import item, path_of
from lib.cluster import TOKEN
from lib.raw import bearer, exchange, request_bytes

GOOD = {
    "one letter": "a", "underscore": "_", "colon": ":", "prometheus": "http:requests_total:rate5m",
    "statsd": "web.front-1.latency", "opentelemetry": "process/cpu.time", "batch": "batch",
    "aggregate": "aggregate", "series": "series", "slashes": "a//b/", "longest": "n" * 255,
}
BAD = {
    "empty": "", "digit first": "1abc", "dot first": ".a", "dash first": "-a", "slash first": "/a",
    "space": "a b", "percent": "a%41", "umlaut": "gr\u00f6\u00dfe", "too long": "n" * 256, "newline": "a\n",
    "question mark": "a?b", "hash": "a#b", "plus": "a+b", "emoji": "a\U0001f600", "delete": "a\x7f",
    "brace": "a{b}",
}


@pytest.mark.parametrize("name", GOOD.values(), ids=GOOD)
def test_good_names_travel_both_ways(api, name):
    api.delete(path_of(name))
    api.record(name, 12.5)
    assert api.values(name)["metric_name"] == name
    assert api.aggregate(name)["count"] == 1
    assert api.delete(path_of(name)).status == 200


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
def test_bad_names_are_refused(api, name):
    check_error(api.post("/metrics", item(name, 1)), 422, mentions="metric_name")
    check_error(api.post("/metrics/batch", {"metrics": [item("good", 1), item(name, 1)]}), 422, mentions="1")


@pytest.mark.parametrize("name", [None, 7, True, ["a"], {"a": 1}])
def test_names_are_texts(api, name):
    check_error(api.post("/metrics", item(name, 1)), 422, mentions="metric_name")


def test_a_name_is_required(api):
    check_error(api.post("/metrics", {"value": 1}), 422, mentions="metric_name")


def raw_get(shared, target):
    return exchange(shared.control.port, request_bytes("GET", target, [bearer(TOKEN)]))


@pytest.mark.parametrize("escaped", ["%", "a%", "a%2", "a%zz", "a%0", "%00", "a%00b", "%ff", "%C3", "%c0%af",
                                     "%ed%a0%80", "%f4%90%80%80", "a%g0"])
@pytest.mark.parametrize("suffix", ["", "/aggregate"])
def test_bad_escapes_in_a_path(shared, escaped, suffix):
    check_error(raw_get(shared, "/metrics/" + escaped + suffix), 400)


def test_escapes_are_decoded_once(shared, api, name):
    api.record(name + "/x", 1)
    assert raw_get(shared, f"/metrics/{name}%2Fx").status == 200
    assert raw_get(shared, f"/metrics/{name}%2fx").status == 200
    # %252F is "%2F" once decoded, and a name has no percent sign.
    assert raw_get(shared, f"/metrics/{name}%252Fx").status in (400, 404, 422)
    # What need not be escaped may be.
    assert raw_get(shared, f"/%6detrics/{name}%2Fx").status in (200, 404)
    assert raw_get(shared, f"/metrics/{name.replace('test', '%74es%74')}%2Fx").status == 200


def test_an_escaped_slash_does_not_make_a_route(shared, api, name):
    api.record(name + "/aggregate", 3)
    answer = raw_get(shared, f"/metrics/{name}%2Faggregate").json()
    assert answer["metric_name"] == name + "/aggregate" and answer["values"] == [3]


def test_plus_in_a_path_is_a_plus(shared):
    assert raw_get(shared, "/metrics/a+b").status in (400, 404, 422)
