"""JSON bodies: what is no JSON, and what is JSON but no item."""
import json

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of

NO_JSON = {
    "empty": b"", "space": b"  \n", "open": b'{"metric_name": "a"',
    "trailing comma": b'{"metric_name": "a", "value": 1,}',
    "single quotes": b"{'metric_name': 'a', 'value': 1}", "garbage behind": b'{"metric_name": "a", "value": 1} x',
    "two": b'{"metric_name": "a", "value": 1}{"metric_name": "a", "value": 1}',
    "comment": b'{"metric_name": "a", /* one */ "value": 1}', "form": b"metric_name=a&value=1",
    "duplicate key": b'{"metric_name": "a", "value": 1, "value": 2}',
    "duplicate label": b'{"metric_name": "a", "value": 1, "labels": {"x": "1", "x": "2"}}',
    "escaped duplicate": b'{"metric_name": "a", "value": 1, "v\\u0061lue": 2}',
    "escaped NUL": b'{"metric_name": "a\\u0000b", "value": 1}',
    "escaped NUL in a label": b'{"metric_name": "a", "value": 1, "labels": {"x": "\\u0000"}}',
    "NUL": b'{"metric_name": "a\x00b", "value": 1}', "NUL behind": b'{"metric_name": "a", "value": 1}\x00',
    "invalid UTF-8": b'{"metric_name": "a", "value": 1, "labels": {"x": "\xff"}}',
    "overlong UTF-8": b'{"metric_name": "a", "value": 1, "labels": {"x": "\xc0\xaf"}}',
    "surrogate in UTF-8": b'{"metric_name": "a", "value": 1, "labels": {"x": "\xed\xa0\x80"}}',
    "lone surrogate": b'{"metric_name": "a", "value": 1, "labels": {"x": "\\ud800"}}',
    "bad escape": b'{"metric_name": "a\\x41", "value": 1}', "raw newline": b'{"metric_name": "a\nb", "value": 1}',
    "UTF-16": '{"metric_name": "a", "value": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"metric_name": "a", "value": 1}',
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
@pytest.mark.parametrize("target", ["/metrics", "/metrics/batch"])
def test_no_json(api, target, body):
    check_error(api.post(target, body), 400)
    check_error(api.get(path_of("a")), 404, "unknown_metric")


@pytest.mark.parametrize("body", ["[]", "null", "5", '"a"', "true", '[{"metric_name": "a", "value": 1}]', "{}"])
@pytest.mark.parametrize("target", ["/metrics", "/metrics/batch"])
def test_no_item(api, target, body):
    check_error(api.post(target, body), 422)


@pytest.mark.parametrize("field", ["tags", "Value", "metric", "time", "", "gr\u00f6\u00dfe"])
def test_an_unknown_field_is_named(api, name, field):
    check_error(api.post("/metrics", {**item(name, 1), field: 1}), 422, mentions=field)
    check_error(api.post("/metrics/batch", {"metrics": [item(name, 1), item(name, 2),
                                                        {**item(name, 1), field: 1}]}),
                422, mentions=["2", field])
    check_error(api.get(path_of(name)), 404, "unknown_metric")


@pytest.mark.parametrize("body", [{"metrics": {}}, {"metrics": None}, {"metrics": "x"}, {"metric": []}, {},
                                  {"metrics": [], "more": 1}, {"metrics": [1]}, {"metrics": [[]]},
                                  {"metrics": [None]}])
def test_no_batch(api, body):
    check_error(api.post("/metrics/batch", body), 422)


def test_an_unknown_field_of_a_batch_is_named(api, name):
    check_error(api.post("/metrics/batch", {"metrics": [item(name, 1)], "precision": "s"}), 422,
                mentions="precision")


def test_an_empty_batch_records_nothing(api):
    answer = api.post("/metrics/batch", {"metrics": []})
    assert answer.status in (200, 422), answer
    if answer.status == 200:
        assert answer.json() == {"success": True, "message": "0 metrics recorded", "recorded": 0}


@pytest.mark.parametrize("index", [0, 7, 99])
def test_a_batch_is_checked_whole_before_any_is_recorded(api, names, index):
    used = [next(names) for _ in range(100)]
    items = [item(each, 1) for each in used]
    items[index]["value"] = "x"
    check_error(api.post("/metrics/batch", {"metrics": items}), 422, mentions=str(index))
    prefix = used[0].rpartition(".")[0] + "."
    answer = check_json(api.get("/metrics", {"format": "json", "prefix": prefix}))
    assert answer == {"metrics": [], "next": None}


def test_escapes_are_decoded(api, name):
    escaped = "".join(f"\\u{ord(char):04x}" for char in name)
    assert api.post("/metrics",
                    f'{{"metric_\\u006eame": "{escaped}", "value": 1, "labels": {{"x": "\\ud83d\\ude00\\/"}}}}').status == 200
    assert api.values(name, by="series")["series"][0]["labels"] == {"x": "\U0001f600/"}


def test_answers_escape_what_must_be(api, name):
    labels = {"x": 'a"b\\c/d\u2028\u00e4'}
    api.record(name, 1, labels=labels)
    assert api.values(name, by="series")["series"][0]["labels"] == labels


def test_space_around_is_fine(api, name):
    body = b"\r\n\t " + json.dumps(item(name, 1), indent=4).encode() + b"\n\n"
    assert api.post("/metrics", body).status == 200
