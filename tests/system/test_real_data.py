"""Real series through `raftmetrics import`, and every aggregate against the same computed here."""
import csv
import datetime
import fractions
import math
import statistics

import pytest

from lib.cli import ok
from lib.cluster import ROOT
from lib.client import path_of

DATA = ROOT.parent / "shared" / "data" / "nab"
FILES = sorted(DATA.glob("*.csv"))
MISSING = pytest.mark.skip(reason=f"LOUD: no real data at {DATA}: no aggregate was compared with real series")


def rows_of(file):
    """(ms, value) in the order of time, equal times in the order of the file."""
    with open(file, encoding="ascii", newline="") as lines:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(lines)]
    timed = [(ms_of(time), float(value)) for time, value in rows]
    return sorted(timed, key=lambda row: row[0])


def ms_of(text):
    """The files' times are UTC without a zone."""
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (moment - epoch) // datetime.timedelta(milliseconds=1)


def within_an_ulp(value, exact):
    """@exact is a fraction."""
    return abs(fractions.Fraction(value) - exact) <= fractions.Fraction(math.ulp(float(exact)))


@pytest.mark.parametrize("file", FILES or [pytest.param(None, marks=MISSING)],
                         ids=lambda file: file.stem if file else "nab")
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
