"""Real series through `raftmetrics import`, and every aggregate against the same computed here."""
import fractions
import math
import statistics

import pytest

from lib.cli import ok
from lib.client import path_of
from lib.real_data import each_file, rows_of


def within_an_ulp(value, exact):
    """@exact is a fraction."""
    return abs(fractions.Fraction(value) - exact) <= fractions.Fraction(math.ulp(float(exact)))


@each_file
def test_aggregates(shared, api, file, tmp_path):
    ok(shared, "import", file, "--name", f"nab.{file.stem}", "--label", "source=nab", "--journal",
       tmp_path / "journal")
    rows = rows_of(file)
    check(api, file.stem, rows, {})
    # The middle third, whose edges lie within.
    low, high = rows[len(rows) // 3][0], rows[2 * len(rows) // 3][0]
    check(api, file.stem, [row for row in rows if low <= row[0] < high], {"from": low, "to": high})
    shown = api.get(path_of(f"nab.{file.stem}"), {"limit": 1_000_000, "timestamps": "true"}).json()
    assert shown["values"] == [value for _, value in rows]


def check(api, stem, rows, query):
    values = [value for _, value in rows]
    exact = [fractions.Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    answer = api.aggregate(f"nab.{stem}", agg="count,sum,mean,avg,min,max,first,last,stddev,variance", **query)
    assert answer["count"] == len(values)
    assert answer["sum"] == math.fsum(values)
    assert (answer["min"], answer["max"]) == (min(values), max(values))
    assert (answer["first"], answer["last"]) == (values[0], values[-1])
    assert within_an_ulp(answer["mean"], mean) and answer["avg"] == answer["mean"]
    assert answer["variance"] == pytest.approx(float(variance), rel=1e-12)
    assert answer["stddev"] == pytest.approx(statistics.pstdev(values), rel=1e-12)
