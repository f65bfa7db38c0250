"""GET /metrics/{name}/aggregate against the same computed in Python."""
import fractions
import math
import random
import statistics

import pytest

from lib.checks import check_json
from lib.client import item, path_of

MS = 1732568363376
FIELDS = ["count", "sum", "mean", "avg", "min", "max", "first", "last", "stddev", "variance"]


def expected(values):
    """Of values in time order; exact where the contract is, else to the last bits."""
    exact = [fractions.Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    return {"count": len(values), "sum": math.fsum(values), "mean": float(mean), "avg": float(mean),
            "min": min(values),
            "max": max(values), "first": values[0], "last": values[-1], "variance": float(variance),
            "stddev": statistics.pstdev(values)}


def check(answer, values):
    wanted = expected(values)
    for field, value in answer.items():
        if field in ("metric_name", "timestamp"):
            continue
        if field in ("mean", "avg", "variance", "stddev"):
            assert value == pytest.approx(wanted[field], rel=1e-12, abs=1e-300), field
        else:
            assert value == wanted[field], field


@pytest.mark.parametrize("field", FIELDS)
def test_one_field(api, name, field):
    values = [75.5, 80.2, 70.1]
    api.record_all([item(name, value, MS + i) for i, value in enumerate(values)])
    answer = api.aggregate(name, agg=field)
    assert set(answer) == {"metric_name", "timestamp", field}
    check(answer, values)


def test_all_fields_in_one(api, name):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values = [rng.gauss(1000, 3) for _ in range(2000)]
    api.record_all([item(name, value, MS + i, {"host": str(i % 9)}) for i, value in enumerate(values)])
    answer = api.aggregate(name, agg=",".join(FIELDS))
    assert set(answer) == {"metric_name", "timestamp", *FIELDS}
    check(answer, values)


def test_variance_far_from_zero(api, name):
    values = [1e9 + offset for offset in (4, 7, 13, 16)]
    api.record_all([item(name, value, MS + i) for i, value in enumerate(values)])
    assert api.aggregate(name, agg="variance,stddev")["variance"] == pytest.approx(22.5, rel=1e-9)


def test_one_value(api, name):
    api.record(name, -3.25)
    answer = api.aggregate(name, agg=",".join(FIELDS))
    assert {answer[field] for field in ("sum", "mean", "avg", "min", "max", "first", "last")} == {-3.25}
    assert answer["variance"] == answer["stddev"] == 0 and answer["count"] == 1


def test_first_and_last_are_by_time(api, name):
    for value, offset in [(1, 50), (2, 10), (3, 90), (4, 30)]:
        api.record(name, value, MS + offset, {"host": str(value)})
    answer = api.aggregate(name, agg="first,last")
    assert (answer["first"], answer["last"]) == (2, 3)


def test_first_and_last_of_one_time_are_by_commit(api, name):
    for value in (5, 6, 7):
        api.record(name, value, MS, {"host": str(value)})
    answer = api.aggregate(name, agg="first,last")
    assert (answer["first"], answer["last"]) == (5, 7)


def test_an_empty_range_has_null_for_what_does_not_exist(api, name):
    api.record(name, 1)
    answer = check_json(api.get(path_of(name) + "/aggregate", {"agg": ",".join(FIELDS), "label": "no:such"}))
    assert answer["count"] == 0
    assert all(answer[field] is None for field in FIELDS if field not in ("count", "sum"))


def test_the_same_whatever_the_batches(api, names):
    """The same values, one by one, in batches, and in the other order: the same sum."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    items = [(rng.uniform(-1, 1) * 10 ** rng.randrange(-9, 9), MS + i) for i in range(300)]
    one, many, back = next(names), next(names), next(names)
    for value, time in items:
        api.record(one, value, time)
    api.record_all([item(many, value, time) for value, time in items])
    api.record_all([item(back, value, time) for value, time in reversed(items)])
    sums = {api.aggregate(each)["sum"] for each in (one, many, back)}
    assert sums == {math.fsum(value for value, _ in items)}


def test_an_overflow_of_partial_sums_alone(api, name):
    """The sum fits, though the sum of the first two does not."""
    values = [1.7e308, 1.7e308, -1.7e308]
    api.record_all([item(name, value, MS + i) for i, value in enumerate(values)])
    answer = api.aggregate(name)
    if "overflow" in answer:
        assert answer["overflow"] is True and answer["sum"] is None
    else:
        assert answer["sum"] == 1.7e308
    assert answer["min"] == -1.7e308 and answer["max"] == 1.7e308
