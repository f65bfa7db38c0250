"""raftmetrics import: real files, interrupted at every bad moment, recorded exactly once."""
import csv
import datetime
import fractions
import json
import math
import os
import pathlib
import pty
import random
import shutil
import signal
import statistics
import subprocess

import pytest

from lib.cluster import BINARY
from lib.command import environment, run, start
from lib.wait import wait_until

# Real time series, read in place: beside the checkout, or wherever the variable says.
ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("RAFTMETRICS_TEST_DATA") or ROOT.parent / "shared" / "data")
BEGIN = datetime.datetime(2014, 4, 10, 0, 4)


def write_csv(path, n, seed=1):
    """A day of readings as the monitoring of a cloud writes them; their values."""
    rng = random.Random(seed)
    values = [round(rng.lognormvariate(3, 1.5), rng.choice([0, 2, 4, 12])) for _ in range(n)]
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value"])
        for i, value in enumerate(values):
            writer.writerow([BEGIN + datetime.timedelta(seconds=20 * i), repr(value)])
    return values


def values_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file)]


def check_aggregates(cluster, name, values):
    """Against sums of exact fractions."""
    got = cluster.client().aggregate(
        name, agg="count,sum,mean,avg,min,max,first,last,stddev,variance")
    exact = sum(map(fractions.Fraction, values))
    variance = float(statistics.pvariance(map(fractions.Fraction, values)))
    assert got["count"] == len(values)
    assert got["sum"] == float(exact)
    assert got["mean"] == got["avg"] == pytest.approx(float(exact / len(values)), rel=1e-15)
    assert (got["min"], got["max"]) == (min(values), max(values))
    assert (got["first"], got["last"]) == (values[0], values[-1])
    assert got["variance"] == pytest.approx(variance, rel=1e-9)
    assert got["stddev"] == pytest.approx(math.sqrt(variance), rel=1e-9)


def journal_of(path):
    try:
        return json.loads(pathlib.Path(f"{path}.journal").read_text())
    except FileNotFoundError:
        return {"chunks": 0, "recorded": 0, "finished": False}


def wait_for_chunks(path, n, process):
    def far_enough():
        return journal_of(path)["chunks"] >= n or process.poll() is not None
    wait_until(far_enough, 20, f"chunk {n} to be acknowledged")


def test_a_file_of_values(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 4032)
    done = run(shared, "import", path)
    assert done.stdout == f"4032 values of {path} recorded in 5 chunks\n" and not done.stderr
    assert shared.client().values(name)["values"] == values
    check_aggregates(shared, name, values)
    assert shared.client().values(name, limit=1, timestamps="true")["timestamps"] == ["2014-04-10T22:27:40.000Z"]


@pytest.mark.skipif(not DATA.is_dir(), reason=f"NO REAL DATA: {DATA} is not there, see RAFTMETRICS_TEST_DATA")
def test_real_data(cluster, tmp_path):
    files = sorted(DATA.rglob("*.csv"))
    assert files
    for file in files:
        values = values_of(file)
        run(cluster, "import", file, "--journal", tmp_path / (file.name + ".journal"))
        with open(file, newline="", encoding="utf-8") as rows:
            times = [row["timestamp"] for row in csv.DictReader(rows)]
        in_order = [value for _, value in sorted(zip(times, values), key=lambda pair: pair[0])]
        check_aggregates(cluster, file.stem, in_order)


def test_a_finished_import_is_not_repeated(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 30)
    run(shared, "import", path)
    again = run(shared, "import", path)
    assert "was imported before" in again.stdout and "--restart" in again.stdout
    summary = json.loads(run(shared, "import", path, "--json").stdout)
    assert summary == {"recorded": 30, "skipped": 0, "chunks": 1, "resumed": True, "already_finished": True}
    assert len(shared.client().values(name)["values"]) == 30
    run(shared, "import", path, "--restart")
    assert shared.client().aggregate(name)["count"] == 2 * len(values)


def test_killed_again_and_again(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 3000)
    kills = 0
    while not journal_of(path)["finished"]:
        process = start(shared, "import", path, "--chunk", 10)
        wait_for_chunks(path, journal_of(path)["chunks"] + 20, process)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills > 3
    check_aggregates(shared, name, values)
    assert shared.client().values(name)["values"] == values


def test_killed_between_the_answer_and_the_journal(shared, name, tmp_path):
    """An older journal is what such a moment leaves behind."""
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 500)
    process = start(shared, "import", path, "--chunk", 10)
    wait_for_chunks(path, 3, process)
    process.send_signal(signal.SIGSTOP)
    shutil.copy(f"{path}.journal", tmp_path / "older")
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    shutil.copy(tmp_path / "older", f"{path}.journal")
    assert not journal_of(path)["finished"]
    run(shared, "import", path, "--chunk", 10)
    check_aggregates(shared, name, values)


def test_the_journal_is_lost(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 100)
    run(shared, "import", path, "--chunk", 30)
    os.unlink(f"{path}.journal")
    run(shared, "import", path, "--chunk", 30)
    check_aggregates(shared, name, values)


def test_the_daemon_dies_and_comes_back(cluster, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 5000)
    process = start(cluster, "import", path, "--chunk", 10, "--retries", 100)
    wait_for_chunks(path, 20, process)
    cluster.control.kill()
    line = process.stderr.readline()
    assert "trying again" in line, line
    cluster.control.start()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    check_aggregates(cluster, name, values)


def test_giving_up_can_be_resumed(cluster, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    values = write_csv(path, 100)
    cluster.control.kill()
    done = run(cluster, "import", path, "--retries", 1, status=1)
    assert "could not connect" in done.stderr and "goes on" in done.stderr
    cluster.control.start()
    cluster.wait_writable()
    run(cluster, "import", path)
    check_aggregates(cluster, name, values)


def test_a_file_that_changed_is_refused(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    write_csv(path, 50)
    run(shared, "import", path)
    with open(path, "a", encoding="ascii") as file:
        file.write("2020-01-01,1\n")
    assert "has changed" in run(shared, "import", path, status=1).stderr
    assert shared.client().aggregate(name)["count"] == 50


def test_other_options_and_other_clusters_are_refused(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    write_csv(path, 50)
    run(shared, "import", path)
    assert "other options" in run(shared, "import", path, "--chunk", 7, status=1).stderr
    assert "other options" in run(shared, "import", path, "--label", "a=b", status=1).stderr
    other = f"http://localhost:{shared.control.port}"
    assert "another" in run(shared, "import", path, "--url", other, status=1).stderr
    run(shared, "import", path, "--url", other, "--journal", tmp_path / "other", "--label", "a=b")
    assert shared.client().aggregate(name)["count"] == 100


def test_bad_rows(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    rows = [f"2014-04-10 00:{i:02}:00,{i}" for i in range(60)]
    rows[41] = "yesterday,1"
    rows[50] = "2014-04-10,many"
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    done = run(shared, "import", path, "--chunk", 10, status=1)
    assert "line 43" in done.stderr and "yesterday" in done.stderr
    assert shared.client().get(f"/metrics/{name}").status == 404, "nothing is sent of a file with a bad row"
    done = run(shared, "import", path, "--chunk", 10, "--skip-bad")
    assert "58 values" in done.stdout and "2 bad rows skipped" in done.stdout
    assert shared.client().aggregate(name)["count"] == 58


def test_columns_names_and_labels(shared, name, tmp_path):
    path = tmp_path / "2 odd names.csv"
    path.write_text('when,metric_name,reading,host,dc\n'
                    f'2014-04-10T00:04:00Z,{name}.a,1.5,"web ""1"", left",eu\n'
                    f'1397088241000,,2.5,,us\n', encoding="utf-8")
    run(shared, "import", path, "--name", name, "--timestamp-column", "when", "--value-column", "reading",
        "--label-columns", "host,dc", "--label", "source=test")
    first = shared.client().values(name + ".a", by="series")["series"]
    assert first == [{"labels": {"dc": "eu", "host": 'web "1", left', "source": "test"}, "values": [1.5],
                      "timestamps": ["2014-04-10T00:04:00.000Z"]}]
    second = shared.client().values(name, by="series")["series"]
    assert second == [{"labels": {"dc": "us", "source": "test"}, "values": [2.5],
                       "timestamps": ["2014-04-10T00:04:01.000Z"]}]


def test_json_lines(shared, names, tmp_path):
    first, second = next(names), next(names)
    path = tmp_path / "items.jsonl"
    items = [{"metric_name": first, "value": 0.1, "timestamp": "2024-01-01T00:00:00Z", "labels": {"a": "é"}},
             {"value": 9007199254740993, "timestamp": 1704067200000}]
    path.write_text("\n\n".join(json.dumps(item) for item in items), encoding="utf-8")
    assert "no metric_name" in run(shared, "import", path, status=1).stderr
    run(shared, "import", path, "--name", second)
    assert shared.client().values(first, label="a:é")["values"] == [0.1]
    assert shared.client().values(second)["values"] == [9007199254740992]


@pytest.mark.parametrize("args, word", [
    (["--chunk", "0"], "--chunk"), (["--format", "xml"], "--format"), (["--precision", "h"], "--precision"),
    (["--label", "a"], "--label"), (["--name", "a b"], "--name"), (["--label-columns", "a,,b"], "--label-columns"),
    (["--format", "jsonl", "--value-column", "v"], "columns")])
def test_wrong_usage(shared, tmp_path, args, word):
    path = tmp_path / "x.csv"
    write_csv(path, 1)
    assert word in run(shared, "import", path, *args, status=2).stderr


def test_what_cannot_be_read(shared, tmp_path):
    assert "No such file" in run(shared, "import", tmp_path / "none.csv", status=1).stderr
    assert "regular file" in run(shared, "import", tmp_path, "--name", "x", status=1).stderr
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    assert "empty" in run(shared, "import", empty, status=1).stderr
    only_header = tmp_path / "header.csv"
    only_header.write_text("timestamp,value\n")
    assert run(shared, "import", only_header).stdout.startswith("0 values")


def test_two_at_once_are_refused(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    write_csv(path, 3000)
    process = start(shared, "import", path, "--chunk", 1)
    wait_for_chunks(path, 1, process)
    process.send_signal(signal.SIGSTOP)
    try:
        assert "under way" in run(shared, "import", path, "--chunk", 1, status=1).stderr
    finally:
        process.kill()
        process.communicate()


def test_a_progress_bar_on_a_terminal(shared, name, tmp_path):
    path = tmp_path / f"{name}.csv"
    write_csv(path, 2000)
    reader, writer = pty.openpty()
    try:
        subprocess.run([BINARY, "import", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=writer, env=environment(shared), timeout=60, check=True)
        shown = os.read(reader, 65536).decode()
    finally:
        os.close(writer)
        os.close(reader)
    assert "%" in shown and "1000 values" in shown and "#" in shown
