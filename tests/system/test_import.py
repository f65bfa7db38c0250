"""raftmetrics import: files in, each value exactly once, however often it is interrupted."""
import json
import random
import signal
import subprocess

import pytest

from lib.cli import command_line, environment, ok, run
from lib.client import path_of
from lib.wait import wait_until

MS = 1732568363000


def write_csv(path, rows, header="timestamp,value"):
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def test_csv(shared, api, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [("2024-11-25 20:59:23", 1.5), ("2024-11-25T20:59:24Z", -2),
                                                (MS + 5000, "1e3"), ("2024-11-25T21:59:29+01:00", 0.1)])
    made = ok(shared, "import", file)
    assert "4 values" in made.out
    answer = api.values(name, timestamps="true")
    assert answer["values"] == [1.5, -2, 1000, 0.1]
    assert answer["timestamps"] == [f"2024-11-25T20:59:{second}.000Z" for second in (23, 24, 28, 29)]


def test_csv_with_everything(shared, api, name, tmp_path):
    file = write_csv(tmp_path / "x.csv", [
        (name, 1732568363, '"web ""1"", a"', 7, "eu"), (name + ".other", 1732568364, "", 8, "eu")],
        "metric_name,at,host,v,dc")
    ok(shared, "import", file, "--timestamp-column", "at", "--value-column", "v", "--label-columns", "host,dc",
       "--precision", "s", "--label", "source=csv")
    series = api.values(name, by="series")["series"]
    assert [(row["labels"], row["values"]) for row in series] == [
        ({"host": 'web "1", a', "dc": "eu", "source": "csv"}, [7])]
    assert api.values(name + ".other", by="series")["series"][0]["labels"] == {"dc": "eu", "source": "csv"}


def test_json_lines(shared, api, name, tmp_path):
    items = [{"metric_name": name, "value": i / 7, "timestamp": MS + i, "labels": {"host": str(i % 3)}}
             for i in range(2500)]
    file = tmp_path / "items.jsonl"
    file.write_text("\n".join(map(json.dumps, items)))
    made = ok(shared, "import", file, "--json")
    assert made.json()["recorded"] == 2500
    assert api.values(name)["values"] == [made["value"] for made in items]


def test_a_finished_import_is_not_repeated(shared, api, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [(MS + i, i) for i in range(10)])
    ok(shared, "import", file)
    made = ok(shared, "import", file, "--json")
    assert made.json()["already_finished"] is True
    assert api.aggregate(name)["count"] == 10
    ok(shared, "import", file, "--restart")
    assert api.aggregate(name)["count"] == 20


@pytest.mark.parametrize("rows, word", [
    ([(MS, 1), (MS, "x")], "line 3"), ([(MS, 1), ("yesterday", 1)], "line 3"), ([(MS, 1), (MS,)], "line 3"),
    ([(5, 1)], "line 2"), ([(MS, "NaN")], "line 2"), ([(MS, "1e999")], "line 2"), ([(MS, "")], "line 2")])
def test_a_bad_row_is_named_before_anything_is_recorded(shared, api, name, tmp_path, rows, word):
    file = write_csv(tmp_path / f"{name}.csv", rows)
    made = run(shared, "import", file)
    assert made.status == 1 and word in made.err, made
    assert api.get(path_of(name)).status == 404


def test_bad_rows_are_skipped_where_asked(shared, api, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [(MS, 1), (MS, "x"), ("", ""), (MS + 1, 2)])
    made = ok(shared, "import", file, "--skip-bad", "--json").json()
    assert (made["recorded"], made["skipped"]) == (2, 2)
    assert api.values(name)["values"] == [1, 2]


def test_files_that_are_none(shared, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n")
    for file, word in [("missing.csv", "missing.csv"), ("empty.csv", "empty"), ("columns.csv", "timestamp"),
                       (".", "regular")]:
        made = run(shared, "import", tmp_path / file)
        assert made.status == 1 and word in made.err, made


def test_a_file_that_changed_is_refused(shared, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [(MS, 1)])
    ok(shared, "import", file)
    write_csv(file, [(MS, 1), (MS, 2)])
    made = run(shared, "import", file)
    assert made.status == 1 and "changed" in made.err


def test_no_progress_bar_without_a_terminal(shared, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [(MS + i, i) for i in range(5000)])
    made = ok(shared, "import", file)
    assert made.err == "" and "\r" not in made.out


def start_import(cluster, file, *args):
    return subprocess.Popen(command_line("import", file, *args), env=environment(cluster),
                            stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def count(client, name):
    answer = client.get(path_of(name) + "/aggregate")
    return answer.json()["count"] if answer.status == 200 else 0


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_killed_and_resumed(shared, api, name, tmp_path, form):
    """kill -9 again and again, each time somewhere else; in the end each value is there once."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    n_rows = 30_000
    file = tmp_path / f"{name}.{form}"
    if form == "csv":
        write_csv(file, [(MS + i, i) for i in range(n_rows)])
    else:
        file.write_text("".join(json.dumps({"metric_name": name, "value": i, "timestamp": MS + i}) + "\n"
                                for i in range(n_rows)))
    n_kills = 0
    for _ in range(8):
        goal = count(api, name) + rng.randrange(1, 4000)
        with start_import(shared, file, "--chunk", "50") as process:
            wait_until(lambda: count(api, name) >= goal or process.poll() is not None, 30, f"{goal} values")
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                n_kills += 1
    assert n_kills >= 3, "the import was too quick to be killed"
    ok(shared, "import", file, "--chunk", "50")
    assert api.values(name, limit=n_rows * 2)["values"] == list(range(n_rows))


def test_control_is_killed_meanwhile(cluster, name, tmp_path):
    """The importer waits until control is back and goes on; the workers remember its keys."""
    n_rows = 20_000
    file = write_csv(tmp_path / f"{name}.csv", [(MS + i, i) for i in range(n_rows)])
    client = cluster.client()
    with start_import(cluster, file, "--chunk", "50", "--retries", "100") as process:
        for goal in (2000, 8000):
            wait_until(lambda: count(client, name) >= goal or process.poll() is not None, 30, f"{goal} values")
            assert process.poll() is None, "the import was too quick"
            cluster.control.kill()
            cluster.control.start()
            client.close()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert client.values(name, limit=n_rows * 2)["values"] == list(range(n_rows))


def test_two_at_once_are_refused(shared, name, tmp_path):
    file = write_csv(tmp_path / f"{name}.csv", [(MS + i, i) for i in range(50_000)])
    with start_import(shared, file, "--chunk", "50") as process:
        wait_until(lambda: (tmp_path / f"{name}.csv.journal").exists(), 10, "the import to begin")
        process.send_signal(signal.SIGSTOP)
        made = run(shared, "import", file, "--chunk", "50")
        assert made.status == 1 and "under way" in made.err, made
        process.kill()
