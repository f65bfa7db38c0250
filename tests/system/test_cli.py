"""The client commands, as a person and as a script use them. Exit codes: 0 done, 1 failed, 2 wrong
usage."""
import json
import os
import subprocess

import pytest

from lib.cli import command_line, environment, ok, run, run_plain
from lib.client import item

COMMANDS = ["control", "worker", "dev", "record", "get", "aggregate", "list", "status", "import", "config"]
MS = 1732568363376


@pytest.fixture
def example(api, name):
    api.record_all([item(name, value, MS + i, {"host": f"web-{i}"}) for i, value in enumerate([75.5, 80.2, 70.1])])
    return name


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    made = run_plain(command, "--help")
    assert made.status == 0, made
    assert made.out.startswith(f"usage: raftmetrics {command}") and "--" in made.out
    assert made.err == ""


def test_help_of_all():
    made = run_plain("--help")
    assert made.status == 0 and made.err == ""
    for command in COMMANDS:
        assert command in made.out
    assert run_plain("--version").out.startswith("raftmetrics ")


@pytest.mark.parametrize("args", [[], ["nonsense"], ["--nonsense"]])
def test_no_command(args):
    made = run_plain(*args)
    assert made.status == 2 and made.out == ""
    for word in ["usage", *args]:
        assert word in made.err


@pytest.mark.parametrize("args", [
    ["record"], ["record", "name"], ["record", "name", "1", "more"], ["record", "name", "many"],
    ["record", "name", "nan"],
    ["record", "name", "1", "--label", "x"], ["record", "name", "1", "--nonsense"],
    ["record", "name", "1", "--timestamp"],
    ["record", "name", "1", "--idempotency-key", "a b"], ["get"], ["get", "a", "b"], ["get", "a", "--limit"],
    ["aggregate"],
    ["list", "x"], ["list", "--limit", "x"], ["status", "x"], ["import"], ["import", "a", "b"],
    ["import", "a", "--format", "xml"],
    ["import", "a.csv", "--chunk", "0"], ["config", "nonsense"], ["config", "control", "--nonsense", "1"],
    ["dev", "--workers", "x"],
    ["list", "--url", "ftp://x"], ["list", "--token", "a b"], ["list", "--token", "a", "--token-file", "b"],
    ["list", "--json", "--json"]])
def test_wrong_usage(shared, args):
    made = run(shared, *args)
    assert made.status == 2, made
    assert made.err.strip() and made.out == ""


def test_record(shared, api, name):
    made = ok(shared, "record", name, "75.5", "--label", "host=web-1", "--label", "dc=eu=1",
              "--timestamp", "2024-11-25T20:59:23.376Z")
    assert made.out.startswith("Metric recorded on worker ") and made.err == ""
    ok(shared, "record", name, "-0.0", "--timestamp", str(MS + 1))
    made = ok(shared, "record", name, "1e300", "--timestamp", str(MS + 2), "--json")
    assert made.json()["success"] is True
    series = api.values(name, by="series")["series"]
    assert {"labels": {"host": "web-1", "dc": "eu=1"}, "values": [75.5],
            "timestamps": ["2024-11-25T20:59:23.376Z"]} in series
    assert api.values(name)["values"] == [75.5, -0.0, 1e300]


def test_record_with_a_key(shared, api, name):
    for _ in range(2):
        ok(shared, "record", name, 5, "--idempotency-key", name)
    assert api.values(name)["values"] == [5]


def test_what_the_daemon_refuses(shared, name):
    for args, word in [(["record", "1bad", "1"], "metric_name"), (["get", name], name),
                       (["aggregate", name], name),
                       (["record", name, "1", "--timestamp", "5"], "timestamp"),
                       (["record", name, "1", "--label", "le=1"], "label")]:
        made = run(shared, *args)
        assert made.status == 1, made
        assert word in made.err and made.out == ""


def test_get(shared, example):
    assert ok(shared, "get", example).out.split() == ["75.5", "80.2", "70.1"]
    assert ok(shared, "get", example, "--label", "host:web-1").out.split() == ["80.2"]
    assert ok(shared, "get", example, "--from", MS + 1, "--to", "2024-11-25T20:59:23.378Z").out.split() == ["80.2"]
    lines = ok(shared, "get", example, "--timestamps").out.splitlines()
    assert lines[0].split() == ["2024-11-25T20:59:23.376Z", "75.5"]
    assert 'host="web-2"' in ok(shared, "get", example, "--by", "series").out
    made = ok(shared, "get", example, "--json", "--limit", "1").json()
    assert made["values"] == [70.1] and made["truncated"] is True
    assert ok(shared, "get", example, "--limit", "1", "--cursor", made["next"]).out.split() == ["80.2"]


def test_get_says_that_there_is_more(shared, example):
    made = ok(shared, "get", example, "--limit", "2")
    assert made.out.split() == ["80.2", "70.1"] and "--cursor" in made.err


def test_aggregate(shared, example):
    lines = dict(line.split(None, 1) for line in ok(shared, "aggregate", example).out.splitlines())
    assert {key: lines[key] for key in ("count", "sum", "mean", "min", "max")} == {
        "count": "3", "sum": "225.8", "mean": "75.26666666666667", "min": "70.1", "max": "80.2"}
    assert ok(shared, "aggregate", example, "--json", "--agg", "last,stddev").json()["last"] == 70.1


def test_aggregates_of_groups_and_steps(shared, api, name):
    midnight = 1732492800000  # 2024-11-25
    api.record_all([item(name, 10 * host + minute, midnight + 60000 * minute, labels={"host": f"web-{host}", "dc": "eu"})
                    for host in (1, 2, 3) for minute in range(4)])
    groups = ok(shared, "aggregate", name, "--agg", "max,median", "--group-by", "host,dc", "--order-by", "max:desc",
                "--limit", "2").out.split("\n\n")[1].splitlines()
    assert [line.split() for line in groups] == [
        ["LABELS", "MAX", "MEDIAN"], ["host=web-3,dc=eu", "33", "31.5"], ["host=web-2,dc=eu", "23", "21.5"]]
    steps = ok(shared, "aggregate", name, "--agg", "sum", "--step", "2m").out.split("\n\n")[1].splitlines()
    assert [line.split() for line in steps] == [
        ["TIMESTAMP", "SUM"], ["2024-11-25T00:00:00.000Z", "123"], ["2024-11-25T00:02:00.000Z", "135"]]
    both = ok(shared, "aggregate", name, "--agg", "min", "--step", "2m", "--group-by", "host").out.split("\n\n")[1]
    assert [line.split() for line in both.splitlines()][:3] == [
        ["LABELS", "TIMESTAMP", "MIN"], ["host=web-1", "2024-11-25T00:00:00.000Z", "10"],
        ["host=web-1", "2024-11-25T00:02:00.000Z", "12"]]
    assert "p99" in ok(shared, "aggregate", name, "--agg", "p99,rate", "--step", "1m").out.lower()
    nobody = ok(shared, "aggregate", name, "--group-by", "host", "--label", "host:web-9").out
    assert "\n\n" not in nobody and name in nobody


def test_list(shared, api, name):
    api.record_all([item(f"{name}.{i:03}", i) for i in range(20)])
    out = ok(shared, "list", "--prefix", name).out
    assert [line.split()[0] for line in out.splitlines()[1:]] == [f"{name}.{i:03}" for i in range(20)]
    made = ok(shared, "list", "--prefix", name, "--limit", "5")
    assert len(made.out.splitlines()) == 6 and "--limit" in made.err
    assert len(ok(shared, "list", "--prefix", name, "--json").json()["metrics"]) == 20


def test_status(shared):
    out = ok(shared, "status").out
    for worker in shared.workers:
        assert f"127.0.0.1:{worker.port}" in out
    assert set(ok(shared, "status", "--json").json()) >= {"workers", "shards", "control"}


def test_names_are_escaped(shared, api):
    ok(shared, "record", "cli/slash.name", "1")
    assert ok(shared, "get", "cli/slash.name").out.split()
    assert api.values("cli/slash.name")["values"]


def test_tokens(shared, tmp_path):
    (tmp_path / "token").write_text(shared.token + "\n")
    for args in (["--token", shared.token], ["--token-file", tmp_path / "token"]):
        assert run(shared, "list", *args, AUTH_TOKEN="wrong").status == 0
    assert run(shared, "list", AUTH_TOKEN="", AUTH_TOKEN_FILE=str(tmp_path / "token")).status == 0
    made = run(shared, "list", AUTH_TOKEN="wrong")
    assert made.status == 1 and "token" in made.err.lower() and "wrong" not in made.err


def test_nobody_listens(shared):
    made = run(shared, "status", "--url", f"http://127.0.0.1:{shared.ports.spare()}")
    assert made.status == 1 and "connect" in made.err


def test_output_into_a_closed_pipe(shared, example):
    """As in `raftmetrics get … | head -0`: an error, not a signal."""
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(command_line("get", example), stdout=writer, stderr=subprocess.PIPE,
                          env=environment(shared)) as process:
        os.close(writer)
        process.communicate(timeout=10)
    assert process.returncode == 1


def test_config_as_json(shared):
    made = run_plain("config", "worker", "--config", shared.workers[0].config, "--json")
    assert made.status == 0, made
    shown = json.loads(made.out)
    assert shown["port"]["value"] == shared.workers[0].port and "worker-1.json" in shown["port"]["source"]
    assert shared.token not in made.out
    assert json.loads(shared.workers[0].config.read_text())["cluster_secret"] not in made.out


def test_the_reference_of_all_keys_is_shipped():
    """config/README.md holds what the binary knows."""
    from lib.cluster import ROOT
    shipped = (ROOT / "config" / "README.md").read_text()
    for line in run_plain("config", "--reference").out.splitlines():
        assert line in shipped, line
