"""JSON made to hurt: depth, numbers, sizes, and every type in every place."""
import itertools
import json

import pytest

from lib.checks import check_error
from lib.client import path_of

FILL = 250_000


@pytest.fixture
def refused(api):
    def send(body, target="/metrics", statuses=(400, 413, 422)):
        answer = api.post(target, body)
        assert answer.status in statuses, answer
        check_error(answer, answer.status)
        return answer
    return send


@pytest.mark.parametrize("body", [
    b"[" * FILL, b'{"a":' * (FILL // 5), b"[" * FILL + b"]" * FILL,
    b'{"metric_name":' + b"[" * 100_000 + b"]" * 100_000 + b',"value":1}',
    b'{"metric_name": "victim", "value": ' + b"[" * 3000 + b"1" + b"]" * 3000 + b"}",
    b'{"metric_name": "victim", "value": 1, "labels": ' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
    b'{"metrics":' * 20_000, b"{" * FILL, b'"' + b"\\" * (FILL - 1), b'"' + b"\\u0061" * (FILL // 6),
], ids=["open lists", "open objects", "lists", "name", "value", "labels", "batches", "braces", "backslashes",
        "open text"])
def test_depth(refused, body):
    for target in ("/metrics", "/metrics/batch"):
        refused(body, target)


@pytest.mark.parametrize("number", ["1e999999", "-1e999999", "1e" + "9" * 1000, "1" + "0" * 100_000,
                                    "-" + "9" * 100_000,
                                    "0." + "0" * 100_000 + "e999999999", "1e99999999999999999999",
                                    "1." + "1" * 100_000 + "e400"])
def test_number_bombs(api, number):
    """A number too large is refused; one that is merely long is zero and may be taken."""
    answer = api.post("/metrics", f'{{"metric_name": "good.bomb", "value": {number}}}')
    assert answer.status in ((200, 400) if number.startswith("0.") else (400,)), answer
    answer = api.post("/metrics", f'{{"metric_name": "victim", "value": 1, "timestamp": {number}}}')
    assert answer.status in (400, 422), answer


def test_tiny_numbers_are_zero(api):
    for number in ("1e-999999", "-1e-99999999999999999999", "0e999999999999", "1e-400",
                   "0." + "0" * 100_000 + "1"):
        assert api.post("/metrics", f'{{"metric_name": "good.tiny", "value": {number}}}').status in (200, 400)


ANYTHING = [None, True, False, 0, -1, 1.5, 1e300, "", "text", "1", [], [1], ["victim"], {}, {"a": "b"}, [[]], [{}],
            "\ufffd", "a" * 5000]
FITS = {"metric_name": {"text"}, "value": {"0", "-1", "1.5", "1e+300"}, "timestamp": set(),
        "labels": {"{}", '{"a": "b"}'}}


@pytest.mark.parametrize("field", FITS)
def test_wrong_types(api, refused, field):
    whole = {"metric_name": "victim", "value": 1, "timestamp": 1732568363376, "labels": {"a": "b"}}
    for value in ANYTHING:
        if json.dumps(value).strip('"') in FITS[field] or (value is None and field in ("timestamp", "labels")):
            continue
        made = {**whole, field: value}
        refused(made, statuses=(422,))
        refused({"metrics": [made]}, "/metrics/batch", statuses=(422,))


def test_any_top_level(refused):
    for value in ANYTHING:
        for target in ("/metrics", "/metrics/batch"):
            refused(json.dumps(value), target, statuses=(422,))


def test_wrong_items(refused):
    for value in ANYTHING:
        refused({"metrics": [value]}, "/metrics/batch", statuses=(422,))
        if value != []:
            refused({"metrics": value}, "/metrics/batch", statuses=(422,))


def test_many_keys(refused):
    keys = {f"k{i}": i for i in range(15_000)}
    refused(keys, statuses=(422,))
    refused({"metric_name": "victim", "value": 1, "labels": {key: "x" for key in keys}}, statuses=(422, 413))


def test_long_texts(refused):
    refused({"metric_name": "n" * FILL, "value": 1})
    refused({"metric_name": "victim", "value": 1, "labels": {"a": "v" * FILL}})
    refused({"metric_name": "victim", "value": 1, "labels": {"l" * FILL: "a"}})
    refused({"metric_name": "victim", "value": 1, "timestamp": "2" * FILL})
    refused({"metric_name": "victim", "value": 1, "x" * FILL: 1})


def test_messages_stay_short_and_are_valid_text(api):
    """What was sent comes back at most in part, and never as raw control characters."""
    for field in ("x" * 100_000, "\x01\x02\x7f", '"}\n{"success": true}', "\u2028\U0001f600" * 1000):
        answer = api.post("/metrics", {"metric_name": "victim", "value": 1, field: 1})
        check_error(answer, 422)
        assert len(answer.body) < 5000
        assert not any(byte < 0x20 for byte in answer.body), answer


BYTES = [b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x7f", b"\r", b"\x1b[2J", b"\\u0000",
         b"\\ud800", b"\\u12"]


@pytest.mark.parametrize("byte, place", itertools.product(BYTES, ["name", "key", "label", "outside"]))
def test_bytes_that_are_no_text(refused, byte, place):
    body = {
        "name": b'{"metric_name": "vic%stim", "value": 1}', "key": b'{"metric_name": "victim", "val%sue": 1}',
        "label": b'{"metric_name": "victim", "value": 1, "labels": {"a": "x%sy"}}',
        "outside": b'{"metric_name": "victim", %s"value": 1}',
    }[place] % byte
    if place == "outside" and byte == b"\r":
        pytest.skip("a carriage return between tokens is JSON's white space")
    refused(body)


def test_nothing_of_it_is_known(api):
    check_error(api.get(path_of("victim")), 404, "unknown_metric")
