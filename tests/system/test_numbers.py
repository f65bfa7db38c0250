"""Doubles: what was written is read back bit for bit, in the shortest digits there are."""
import decimal
import json
import math
import random
import struct

import pytest

from lib.checks import check_error, check_json
from lib.client import path_of

MS = 1732568363376


def bits(value):
    return struct.pack("<d", value)


def number_texts(body):
    """The value texts of an answer as they stand in its bytes."""
    return json.loads(body, parse_float=str, parse_int=str)["values"]


def same_digits(text, value):
    """@text has exactly the digits that Python's shortest repr has."""
    ours, shortest = decimal.Decimal(text).normalize(), decimal.Decimal(repr(value)).normalize()
    return ours.as_tuple() == shortest.as_tuple()


def random_doubles(rng, n):
    drawn = []
    while len(drawn) < n:
        value = rng.choice([
            lambda: struct.unpack("<d", rng.randbytes(8))[0],
            lambda: round(rng.uniform(-1e6, 1e6), rng.randrange(8)),
            lambda: rng.gauss(0, 1),
            lambda: float(rng.randrange(-2**60, 2**60)),
            lambda: math.ldexp(1, rng.randrange(-1074, 1024)),
        ])()
        if math.isfinite(value):
            drawn.append(value)
    return drawn


EDGES = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308,
         -1.7976931348623157e308, 0.1, 0.2 + 0.1, 1 / 3, 70.1, 80.2, 2.0**53, 2.0**53 + 2, 1e21, 1e22, 1e23,
         9007199254740993.0,
         123456789012345680.0, 1e-7, 1e-5, 0.0001, 1e16, 1e17, 4.35, 2.675, 9.5367431640625e-07]


def test_round_trip(api, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    drawn = EDGES + random_doubles(random.Random(seed), 5000)
    for start in range(0, len(drawn), 1000):
        part = drawn[start:start + 1000]
        api.record_all([{"metric_name": name, "value": value, "timestamp": MS + start + i} for i,
                        value in enumerate(part)])
    texts = number_texts(api.get(path_of(name), {"limit": len(drawn)}).body)
    assert len(texts) == len(drawn)
    wrong = [(text, value) for text, value in zip(texts, drawn)
             if bits(float(text)) != bits(value) or not same_digits(text, value)]
    assert not wrong, wrong[:10]


@pytest.mark.parametrize("written, value", [
    ("-0.0", -0.0), ("1E3", 1000.0), ("1e+3", 1000.0), ("0.1e-1", 0.01), ("5e-324", 5e-324),
    ("1" + "0" * 308, 1e308),
    ("9007199254740993", 9007199254740992.0), ("18446744073709551616", 2.0**64),
    ("-9223372036854775809", -2.0**63),
    ("123456789012345678901234567890", 1.2345678901234568e29), ("0." + "0" * 400 + "1", 0.0),
    ("179769313486231570" + "0" * 291, 1.7976931348623157e308), ("80.200000000000003", 80.2),
])
def test_forms_of_a_number(api, name, written, value):
    answer = api.post("/metrics", f'{{"metric_name": "{name}", "value": {written}}}')
    check_json(answer)
    text, = number_texts(api.get(path_of(name)).body)
    assert bits(float(text)) == bits(value) and same_digits(text, value), text


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "nan", "inf", "1e999", "-1e999", "1e309",
                                 "1" + "0" * 309,
                                 "9" * 5000, "01", "+1", ".5", "1.", "0x10", "1e", "--1", "1_000", "1,5"])
def test_what_is_no_finite_number(api, name, bad):
    check_error(api.post("/metrics", f'{{"metric_name": "{name}", "value": {bad}}}'), 400)
    check_error(api.get(path_of(name)), 404, "unknown_metric")


@pytest.mark.parametrize("bad", ['"75.5"', "true", "false", "null", "[]", "[1]", "{}"])
def test_what_is_no_number(api, name, bad):
    check_error(api.post("/metrics", f'{{"metric_name": "{name}", "value": {bad}}}'), 422, mentions="value")


def test_a_value_is_required(api, name):
    check_error(api.post("/metrics", {"metric_name": name}), 422, mentions="value")


@pytest.mark.parametrize("value", [-0.0, 2.0**53, 2.0**63, -2.0**64, 1e20, 1e300, -1.7976931348623157e308, 5e-324])
def test_every_number_can_be_listed(api, name, value):
    api.record(name, value)
    listed = check_json(api.get("/metrics", {"format": "json", "prefix": name, "limit": 1}))["metrics"]
    assert [bits(float(row["last"])) for row in listed] == [bits(value)]
    answer = api.aggregate(name, agg="sum,min,max,first,last")
    assert {bits(float(answer[field])) for field in ("min", "max", "first", "last")} == {bits(value)}


def test_aggregates_are_as_exact_as_they_can_be(api, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    drawn = [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-12, 13) for _ in range(3000)]
    for start in range(0, len(drawn), 500):
        api.record_all([{"metric_name": name, "value": value, "timestamp": MS + start + i}
                        for i, value in enumerate(drawn[start:start + 500])])
    summary = api.aggregate(name)
    assert bits(float(summary["sum"])) == bits(math.fsum(drawn))
    assert summary["min"] == min(drawn) and summary["max"] == max(drawn)


@pytest.mark.parametrize("decimals, shown", [(0, ["75", "80"]), (1, ["75.1", "80.2"]), (3, ["75.125", "80.2"]),
                                             (17, ["75.125", "80.2"])])
def test_decimals_round_what_is_shown(api, name, decimals, shown):
    api.record(name, 75.125, MS)
    api.record(name, 80.2, MS + 1)
    texts = number_texts(api.get(path_of(name), {"decimals": decimals}).body)
    assert [decimal.Decimal(text) for text in texts] == [decimal.Decimal(text) for text in shown]
    assert number_texts(api.get(path_of(name)).body) == ["75.125", "80.2"]


def test_decimals_of_an_aggregate(api, name):
    for offset, value in enumerate([75.5, 80.2, 70.1]):
        api.record(name, value, MS + offset)
    assert api.aggregate(name, decimals=2)["mean"] == 75.27


@pytest.mark.parametrize("bad", ["-1", "18", "x", "", "1.5"])
def test_bad_decimals_are_named(api, name, bad):
    api.record(name, 1)
    for suffix in ("", "/aggregate"):
        check_error(api.get(path_of(name) + suffix + "?decimals=" + bad), 400, mentions="decimals")
