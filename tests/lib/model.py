"""What GET /metrics/{name}/aggregate and /histogram are to answer, computed from all that was recorded:
sums, means and variances as fractions without any rounding, the rest by sorting and counting."""
import bisect
import collections
import dataclasses
import datetime
import fractions
import itertools
import math
import sys

DEFAULT_BOUNDS = [0.0] + [float(f"{digits}e{power}") for power in range(-3, 7) for digits in ("1", "2.5", "5")]
ZERO_THRESHOLD = 2.0 ** -128
MAX = fractions.Fraction(sys.float_info.max)
HALF_ULP_OF_MAX = fractions.Fraction(2) ** 970
DENORMAL = fractions.Fraction(2) ** -1074


@dataclasses.dataclass
class Row:
    time: int  # ms since the epoch
    value: float
    labels: dict


class Model:
    """One metric. Rows come in the order in which they were committed."""

    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda row: row.time)
        # All values are whole multiples of 1 / unit: sums of them are sums of integers.
        self._unit = max(row.value.as_integer_ratio()[1] for row in rows)

    def select(self, begin=None, end=None, labels=None):
        return [row for row in self.rows
                if (begin is None or row.time >= begin) and (end is None or row.time < end) and
                (labels or {}).items() <= row.labels.items()]

    def exact(self, value):
        numerator, denominator = value.as_integer_ratio()
        return numerator * (self._unit // denominator)

    def sum(self, values):
        return fractions.Fraction(sum(map(self.exact, values)), self._unit)

    def variance(self, values):
        """Of the population."""
        n, whole, squares = len(values), 0, 0
        for value in values:
            exact = self.exact(value)
            whole += exact
            squares += exact * exact
        return fractions.Fraction(n * squares - whole * whole, (n * self._unit) ** 2)

    def increase(self, rows, before=()):
        """Of a counter: by series what each value is above the one before, or above 0 after a reset. @before: the last
        row of each series that came earlier."""
        whole, last = 0, {series_of(row): self.exact(row.value) for row in before}
        for row in rows:
            value = self.exact(row.value)
            earlier = last.get(series_of(row), value)
            whole += value - earlier if value >= earlier else value
            last[series_of(row)] = value
        return fractions.Fraction(whole, self._unit)


def series_of(row):
    return tuple(sorted(row.labels.items()))


def as_double(answered):
    """JSON's numbers without a fraction are read as integers, of more digits than were meant."""
    return float(answered) if isinstance(answered, int) and not isinstance(answered, bool) else answered


def ulp(exact):
    """Also of what is too large for a double."""
    if abs(exact) <= MAX:
        return fractions.Fraction(math.ulp(float(exact)))
    return fractions.Fraction(2) ** (math.floor(abs(exact)).bit_length() - 53)


def is_same(answered, value):
    """The sign of zero counts."""
    return answered == value and math.copysign(1, answered) == math.copysign(1, value)


def order_of(value):
    return value, math.copysign(1, value)


def quantile(values, q):
    """Of sorted values, linear between order statistics: Hyndman and Fan's definition 7."""
    place = fractions.Fraction(q) * (len(values) - 1)
    low = math.floor(place)
    below = fractions.Fraction(values[low])
    above = fractions.Fraction(values[min(low + 1, len(values) - 1)])
    return below + (above - below) * (place - low)


# ---- aggregates ----

def check_fields(model, answer, rows, begin=None, end=None, before=()):
    """@rows in the order of time, those from @begin to @end. Fields that are not in @answer are not asked for. @before:
    the last row of each series in the steps before."""
    assert answer["count"] == len(rows)
    if not rows:
        there = {field for field, value in answer.items() if value is not None}
        assert there <= {"count", "sum", "quantile_error"}, answer
        return
    begin, end = rows[0].time if begin is None else begin, rows[-1].time if end is None else end
    seconds = fractions.Fraction(end - begin, 1000)
    answer = {field: as_double(value) for field, value in answer.items()}
    values = [row.value for row in rows]
    slack = 0
    if answer.keys() & {"sum", "mean", "avg", "increase", "rate"}:
        slack = model.sum(map(abs, values + [row.value for row in before])) * len(values) / 2**100
    ordered = None
    for field, answered in answer.items():
        if field in ("sum", "mean", "avg"):
            check_sum(answer, field, answered, model.sum(values), slack, len(values))
        elif field in ("min", "max"):
            assert is_same(answered, (min if field == "min" else max)(values, key=order_of)), (field, answered)
        elif field in ("first", "last"):
            assert is_same(answered, values[0 if field == "first" else -1]), (field, answered)
        elif field in ("variance", "stddev"):
            check_variance(field, answered, model.variance(values), max(map(abs, values)))
        elif field in ("increase", "rate", "count_rate"):
            counted = len(rows) if field == "count_rate" else model.increase(rows, before)
            check_rate(answer, field, answered, fractions.Fraction(counted), seconds, slack)
        elif field == "median" or field[0] == "p":
            ordered = ordered or sorted(values)
            check_quantile(answered, ordered, fractions.Fraction(1, 2) if field == "median" else
                           fractions.Fraction(field[1:]) / 100)
        else:
            assert field in ("count", "overflow", "quantile_error"), field


def check_sum(answer, field, answered, exact, slack, n):
    """Within 1 ulp and n 2^-100 times the sum of magnitudes; null where it overflows, which the answer says. A mean
    is that divided by @n, and rounded."""
    slack += ulp(exact)
    if answered is None:
        assert field == "sum" and answer["overflow"] is True, answer
        assert abs(exact) + slack > MAX, float(exact)
        return
    if field != "sum":
        exact, slack = exact / n, slack / n + ulp(exact / n)
    assert abs(fractions.Fraction(answered) - exact) <= slack, (field, answered, float(exact))
    others = [answer.get(other, 0) for other in ("increase", "rate")]
    assert field != "sum" or "overflow" not in answer or None in others


def check_variance(field, answered, exact, magnitude):
    """To 12 digits, but for as many as the mean has more of than the deviations from it."""
    unit = fractions.Fraction(magnitude) / 2**52
    noise = 4 * unit * fractions.Fraction(math.isqrt(math.ceil(exact / unit**2)) + 1) * unit if unit else 0
    noise += unit**2 + DENORMAL
    if answered is None:
        assert field == "variance" and exact + exact / 10**12 + HALF_ULP_OF_MAX > MAX, float(exact)
        return
    square = fractions.Fraction(answered) ** (2 if field == "stddev" else 1)
    noise += fractions.Fraction(answered) * DENORMAL + DENORMAL ** 2 if field == "stddev" else 0
    assert abs(square - exact) <= exact / 10**12 + noise, (field, answered, exact)


def check_rate(answer, field, answered, exact, seconds, slack):
    if field != "increase" and seconds == 0:
        assert answered is None, (field, answered)
        return
    slack += 2 * ulp(exact)
    if answered is None:
        assert answer["overflow"] is True and abs(exact) + slack > MAX, (field, answer)
        return
    if field != "increase":
        exact, slack = exact / seconds, slack / seconds + 2 * ulp(exact / seconds)
    assert abs(fractions.Fraction(answered) - exact) <= slack, (field, answered, float(exact))


def check_quantile(answered, ordered, q):
    """To 2 ulp, for a place among the order statistics that is itself computed in doubles, as numpy does."""
    place = q * (len(ordered) - 1)
    near = [fractions.Fraction(value)
            for value in ordered[max(0, math.floor(place) - 1):math.floor(place) + 3]]
    slack = 2 * fractions.Fraction(math.ulp(float(max(map(abs, near)))))
    slack += place / 2**52 * max((above - below for below, above in zip(near, near[1:])), default=0)
    exact = quantile(ordered, q)
    assert abs(fractions.Fraction(answered) - exact) <= slack, (q, answered, float(exact))


# ---- groups and steps ----

def timestamp_of(ms):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return f"{moment.year:04}" + moment.strftime("-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def grouped(rows, names):
    """Rows by the values of these labels, in their order, "" where a series has none."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[tuple(row.labels.get(name, "") for name in names)].append(row)
    return dict(sorted(groups.items(), key=lambda group: [value.encode() for value in group[0]]))


def check_steps(model, series, rows, step):
    buckets = {start * step: list(each) for start, each in itertools.groupby(rows, lambda row: row.time // step)}
    earliest = -62135596800000
    assert [row["timestamp"] for row in series] == [timestamp_of(max(start, earliest)) for start in buckets]
    last = {}
    for answer, (start, each) in zip(series, buckets.items()):
        check_fields(model, {field: value for field, value in answer.items() if field != "timestamp"}, each,
                     start, start + step, last.values())
        last.update((series_of(row), row) for row in each)


def check_one(model, answer, rows, step, begin, end):
    if step:
        check_steps(model, answer["series"], rows, step)
    else:
        check_fields(model, answer, rows, begin, end)


def check_aggregate(model, answer, begin=None, end=None, labels=None, group_by=(), order_by=None, limit=None,
                    step=None):
    """@answer: without its metric_name and timestamp; "count" must be among what is asked for. @order_by: one of
    count, min, max, first and last, and whether it descends."""
    rows = model.select(begin, end, labels)
    if not group_by:
        check_one(model, answer, rows, step, begin, end)
        return
    groups = list(grouped(rows, group_by).items())
    if order_by is not None:
        field, is_descending = order_by
        groups.sort(key=lambda group: (-1 if is_descending else 1) * plain(field, group[1]))
    groups = groups[:limit]
    assert [group["labels"] for group in answer["groups"]] == [
        {name: value for name, value in zip(group_by, values) if value} for values, _ in groups]
    for group, (_, each) in zip(answer["groups"], groups):
        check_one(model, {key: value for key, value in group.items() if key != "labels"}, each, step, begin, end)


def plain(field, rows):
    values = [row.value for row in rows]
    if field in ("first", "last"):
        return values[0 if field == "first" else -1]
    return {"count": len, "min": min, "max": max}[field](values)


# ---- histograms ----

def cumulative(values, bounds):
    ordered = sorted(values)
    counts = [{"le": le, "count": bisect.bisect_right(ordered, le)} for le in bounds]
    return counts + [{"le": "+Inf", "count": len(values)}]


def native_index(value, schema):
    """The bucket of |value|: the smallest i with |value| <= 2^(i / 2^schema), exactly."""
    exact = fractions.Fraction(abs(value))
    index = math.ceil(math.log2(abs(value)) * 2.0**schema) if abs(value) >= 2**-1022 else -1074 * 2**schema
    while not is_within(exact, index, schema):
        index += 1
    while is_within(exact, index - 1, schema):
        index -= 1
    return index


def is_within(exact, index, schema):
    """exact <= 2^(index / 2^schema): both to the power 2^schema, which is exact for schema >= 0."""
    if schema >= 0:
        return exact ** 2**schema <= fractions.Fraction(2) ** index
    return exact <= fractions.Fraction(2) ** (index * 2**-schema)


def side(values, schema):
    counts = collections.Counter()
    for value, n in collections.Counter(values).items():
        counts[native_index(value, schema)] += n
    return [[index, counts[index]] for index in sorted(counts)]


def check_native(answer, values):
    schema = answer["schema"]
    assert -4 <= schema <= 6
    assert answer["zero_threshold"] == ZERO_THRESHOLD
    assert answer["zero_count"] == sum(abs(value) <= ZERO_THRESHOLD for value in values)
    assert answer["positive"] == side([value for value in values if value > ZERO_THRESHOLD], schema)
    assert answer["negative"] == side([value for value in values if value < -ZERO_THRESHOLD], schema)
    base = 2.0 ** 2.0**-schema
    assert abs(answer["relative_error"] - (base - 1) / (base + 1)) <= 1e-9 * answer["relative_error"]


def check_histogram(model, answer, labels=None, bounds=DEFAULT_BOUNDS):
    values = [row.value for row in model.select(labels=labels)]
    assert answer["count"] == len(values)
    assert answer["buckets"] == cumulative(values, bounds)
    slack = model.sum(map(abs, values)) * len(values) / 2**100
    check_sum(answer, "sum", as_double(answer["sum"]), model.sum(values), slack, 1)
    check_native(answer, values)
