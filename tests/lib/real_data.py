"""Real series, read in place: files of times and values from NAB, the Numenta Anomaly Benchmark."""
import csv
import datetime

import pytest

from .cluster import ROOT

DATA = ROOT.parent / "shared" / "data" / "nab"
_FILES = sorted(DATA.glob("*.csv"))
_MISSING = pytest.mark.skip(reason=f"LOUD: no real data at {DATA}: nothing was compared with real series")

# For tests with a @file.
each_file = pytest.mark.parametrize("file", _FILES or [pytest.param(None, marks=_MISSING)],
                                    ids=lambda file: file.stem if file else "nab")


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
