"""Every aggregate, percentile and bucket against the same computed with fractions: of real data and of data that is
made to be hard, over whole ranges and over random ones."""
import random
import time

import pytest

from lib import model
from lib.checks import check_json
from lib.client import item, path_of
from lib.model import Model, Row
from lib.real_data import each_file, rows_of

FIELDS = ["sum", "mean", "avg", "min", "max", "first", "last", "stddev", "variance", "median", "p0", "p5", "p25", "p75",
          "p99", "p99.9", "p100", "count_rate", "increase", "rate"]
MS = 1732568363376
HOUR = 3600_000
FIRST_MS, LAST_MS = -62135596800000, 253402300799999
HUGE = 1.7976931348623157e308
BATCH = 10000
STEPS_MAX = 5000
N_QUESTIONS = 20  # of each set of data


@pytest.fixture
def rng():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def labels_of(rng):
    """One of some ten series."""
    labels = {"host": f"web-{rng.randrange(4)}", "dc": rng.choice(["eu", "us", "münchen"])}
    if rng.random() < 0.3:
        del labels["dc"]
    return labels


def moment(ms):
    """As requests take it: few milliseconds might be seconds."""
    return ms if abs(ms) > 10**11 else model.timestamp_of(ms)


def record(api, name, rows):
    for first in range(0, len(rows), BATCH):
        api.record_all([item(name, row.value, moment(row.time), row.labels) for row in rows[first:first + BATCH]])
    return Model(rows)


def aggregate(api, name, **query):
    answer = api.aggregate(name, **query)
    assert answer.pop("metric_name") == name and answer.pop("timestamp")
    assert answer.get("quantile_error", 0) == 0
    return answer


def check_whole(api, name, made):
    fields = ",".join(["count", *FIELDS])
    model.check_aggregate(made, aggregate(api, name, agg=fields))
    model.check_aggregate(made, aggregate(api, name, agg=fields, group_by="host,dc"), group_by=["host", "dc"])
    model.check_histogram(made, check_json(api.get(path_of(name) + "/histogram", {"native": "true"})))
    labels = made.rows[0].labels
    selected = [("label", f"{key}:{value}") for key, value in labels.items()]
    answer = check_json(api.get(path_of(name) + "/histogram", [("native", "true"), *selected]))
    model.check_histogram(made, answer, labels)


def random_moment(rng, made):
    """Often exactly that of a value."""
    if rng.random() < 0.5:
        return rng.choice(made.rows).time
    return min(max(rng.randint(made.rows[0].time - 1000, made.rows[-1].time + 1000), FIRST_MS), LAST_MS)


def ask_at_random(api, name, made, rng):
    """One question out of all that may be combined, and the check of its answer."""
    asked, query = {}, []
    if rng.random() < 0.7:
        asked["begin"], asked["end"] = sorted((random_moment(rng, made), random_moment(rng, made)))
        asked = {key: asked[key] for key in rng.choice([["begin"], ["end"], ["begin", "end"]])}
        query += [({"begin": "from", "end": "to"}[key], moment(value)) for key, value in asked.items()]
    if rng.random() < 0.3:
        asked["labels"] = dict([rng.choice(list(rng.choice(made.rows).labels.items()))])
        query += [("label", f"{key}:{value}") for key, value in asked["labels"].items()]
    if rng.random() < 0.5:
        asked["group_by"] = rng.choice([["host"], ["dc"], ["dc", "host"], ["host", "none"]])
        query.append(("group_by", ",".join(asked["group_by"])))
        if rng.random() < 0.7:
            field, direction = rng.choice(["count", "min", "max", "first", "last"]), rng.choice(["asc", "desc"])
            asked["order_by"], asked["limit"] = (field, direction == "desc"), rng.randint(1, 8)
            query += [("order_by", f"{field}:{direction}"), ("limit", asked["limit"])]
    if rng.random() < 0.5:
        span = made.rows[-1].time - made.rows[0].time + 1
        asked["step"] = rng.randint(span // STEPS_MAX + 1, span + 1)
        query.append(("step", f"{asked['step']}ms"))
    fields = rng.sample(FIELDS, rng.randint(1, 5))
    query.append(("agg", ",".join(["count", *fields])))
    print(name, query)
    answer = check_json(api.get(path_of(name) + "/aggregate", query))
    assert answer.pop("metric_name") == name and answer.pop("timestamp")
    model.check_aggregate(made, answer, **asked)


@each_file
def test_real_data(api, name, file, rng):
    made = record(api, name, [Row(ms, value, labels_of(rng)) for ms, value in rows_of(file)])
    check_whole(api, name, made)
    for _ in range(N_QUESTIONS):
        ask_at_random(api, name, made, rng)


# ---- data made to be hard ----

def spread(values, n=1):
    """One after the other, a minute apart, @n times."""
    return [(MS + i * 60000, value) for i, value in enumerate(values * n)]


def shuffled(rows):
    random.Random(7).shuffle(rows)
    return rows


HARD = {
    "one": spread([-3.25]),
    "equal": spread([0.1], 3000),
    "zeros": spread([0.0, -0.0], 50),
    "minus zero": spread([-0.0], 5),
    "denormals": spread([5e-324, -5e-324, 2.2250738585072014e-308, 1e-310, -3e-320], 300),
    "huge": spread([HUGE, -HUGE, 1.8e307], 400),
    "overflow": spread([HUGE, HUGE, -1.0]),
    "overflow of partial sums": spread([HUGE, HUGE, -HUGE, -HUGE, 1.0]),
    "nearly an overflow": spread([HUGE, 9.9e291, -1e291]),
    "big and small": spread([1e16, 1.0, -1.0, 1.0, 1e16 + 2, -1e16], 500),
    "big beside one": spread([1e16] + [1.0, -1.0] * 1500),
    "far from zero": spread([1e9 + offset for offset in (4, 7, 13, 16)], 600),
    "all magnitudes": spread([sign * 2.0**power for power in range(-1074, 1023, 7) for sign in (1, -1)]),
    "a counter": spread([float(i % 97) for i in range(3000)]),
    "a counter that falls below zero": spread([float(i % 97) - 30 for i in range(3000)]),
    "out of order": shuffled(spread([float(i) for i in range(5000)])),
    "backwards": spread([float(i) for i in range(3000)])[::-1],
    "one moment": [(MS, float(i)) for i in range(2500)],
    "two moments": [(MS + i % 2, float(i)) for i in range(2500)],
    "past and future": [(FIRST_MS, 1.5), (LAST_MS, -2.5), (0, 3.5), (-1, 4.5), (FIRST_MS + 1, 5.5), (LAST_MS - 1, 6.5)],
    "from far to farther": [(FIRST_MS + i * ((LAST_MS - FIRST_MS) // 2500), float(i)) for i in range(2500)],
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("series", ["one", "several"])
def test_hard_data(api, name, case, series, rng):
    rows = [Row(ms, value, labels_of(rng) if series == "several" else {"host": "web-1"}) for ms, value in HARD[case]]
    made = record(api, name, rows)
    check_whole(api, name, made)
    for _ in range(N_QUESTIONS):
        ask_at_random(api, name, made, rng)


def test_windows(api, name):
    """The last so many hours, up to the moment of the question: values lie far from where they end."""
    now = time.time_ns() // 1_000_000
    made = record(api, name, [Row(now - hour * HOUR - HOUR // 2, hour * 1.25, {"host": "web-1"})
                              for hour in reversed(range(200))])
    for window in ("1h", "2h", "1h60m", "7200s", "1d", "7d", "199h", "3650d"):
        answer = aggregate(api, name, window=window, agg="count,sum,min,max,first,last,variance,median")
        hours = {"1h": 1, "2h": 2, "1h60m": 2, "7200s": 2, "1d": 24, "7d": 168, "199h": 199, "3650d": 200}[window]
        model.check_aggregate(Model(made.rows[-hours:]), answer)
