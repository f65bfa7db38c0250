"""The client commands: what they send, what they print, how they end."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import pytest

from lib.cluster import BINARY
from lib.command import environment, run
from lib.node import clean_environment
from lib.ports import take_ports
from lib.wait import wait_until

COMMANDS = ["control", "worker", "dev", "record", "get", "aggregate", "list", "status", "import", "config"]


def plain(*args):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=10, check=False,
                          env=clean_environment())


def test_help_and_version():
    top = plain("--help")
    assert top.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in top.stdout
        own = plain(command, "--help")
        assert own.returncode == 0 and not own.stderr
        assert own.stdout.startswith(f"usage: raftmetrics {command}")
    assert plain("--version").stdout.startswith("raftmetrics ")


@pytest.mark.parametrize("args", [(), ("nonsense",), ("record",), ("record", "a"), ("get",), ("get", "a", "b"),
                                  ("list", "a"), ("import",), ("get", "a", "--nonsense"), ("--nonsense",),
                                  ("list", "--limit", "0"), ("record", "a", "x"), ("record", "a", "NaN"),
                                  ("record", "a", "1", "--label", "b"), ("status", "--url", "ftp://x"),
                                  ("record", "a", "1", "--idempotency-key", "two words"),
                                  ("status", "--token", "a", "--token-file", "/dev/null")])
def test_wrong_usage_is_2(args):
    done = plain(*args)
    assert done.returncode == 2, done
    assert done.stderr and not done.stdout


def test_dev_starts_what_its_files_say(tmp_path):
    """Whatever the environment would tell a daemon."""
    ports = take_ports(1)
    env = clean_environment({"PORT": "1", "AUTH_TOKEN": "other", "CLUSTER_SECRET": "x", "WORKER_HOSTS": "nowhere",
                             "LOG_LEVEL_FILE": "/nonexistent", "NODE_ID": "7"})
    process = subprocess.Popen([BINARY, "dev", "--workers", "1", "--port", str(ports.base), "--data-dir",
                                str(tmp_path / "data"), "--token", "t"], env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == f"ready http://127.0.0.1:{ports.base}\n"
    finally:
        process.terminate()
        process.communicate(timeout=10)
        ports.release()
    assert process.returncode == 0


def test_record_and_get(shared, name):
    assert run(shared, "record", name, "75.5", "--timestamp", "2024-11-25T20:59:23Z", "--label",
               "host=web=1").stdout.startswith("Metric recorded on worker ")
    run(shared, "record", name, "-80.2", "--timestamp", "1732568364000")
    assert run(shared, "get", name).stdout == "75.5\n-80.2\n"
    assert run(shared, "get", name, "--timestamps").stdout == (
        "2024-11-25T20:59:23.000Z  75.5\n2024-11-25T20:59:24.000Z  -80.2\n")
    assert run(shared, "get", name, "--label", "host:web=1").stdout == "75.5\n"
    assert run(shared, "get", name, "--from", "2024-11-25T20:59:24Z").stdout == "-80.2\n"
    by_series = run(shared, "get", name, "--by", "series").stdout
    assert '{host="web=1"}\n  2024-11-25T20:59:23.000Z  75.5\n' in by_series
    limited = run(shared, "get", name, "--limit", "1")
    assert limited.stdout == "-80.2\n"
    assert "2 in all" in limited.stderr and "--cursor" in limited.stderr


@pytest.mark.parametrize("text", ["0.1", "-0.0", "1e-320", "1.7976931348623157e308", "9007199254740993",
                                  "123456789012345678901234567890", "80.2", "-.5"])
def test_values_are_not_changed_on_the_way(shared, name, text):
    run(shared, "record", name, text)
    shown = run(shared, "get", name).stdout.strip()
    assert float(shown) == float(text) and shown.startswith("-") == text.startswith("-")


def test_names_are_encoded(shared, name):
    odd = f"{name}/a.b:c-d"
    run(shared, "record", odd, "1")
    assert run(shared, "get", odd).stdout == "1\n"
    assert run(shared, "aggregate", odd, "--agg", "max").stdout.splitlines()[1].split() == ["max", "1"]
    refused = run(shared, "get", "a?limit=1", status=1)
    assert "Traceback" not in refused.stderr and refused.stderr.count("\n") == 1


def test_an_idempotency_key_records_once(shared, name):
    for _ in range(2):
        run(shared, "record", name, "1", "--timestamp", "2024-01-01T00:00:00Z", "--idempotency-key", name)
    assert run(shared, "get", name).stdout == "1\n"
    assert run(shared, "record", name, "2", "--idempotency-key", name, status=1).stderr


def test_aggregate(shared, name):
    for value in ("75.5", "80.2", "70.1"):
        run(shared, "record", name, value)
    rows = dict(line.split() for line in run(shared, "aggregate", name).stdout.splitlines())
    assert rows["count"] == "3" and rows["sum"] == "225.8" and rows["min"] == "70.1"
    body = json.loads(run(shared, "aggregate", name, "--json").stdout)
    assert body["mean"] == 75.26666666666667


def test_list(shared, name):
    wanted = sorted(f"{name}.{i}" for i in range(5))
    for each in wanted:
        run(shared, "record", each, "1")
    lines = run(shared, "list", "--prefix", name).stdout.splitlines()
    assert lines[0].startswith("METRIC NAME")
    assert [line.split()[0] for line in lines[1:]] == wanted
    limited = run(shared, "list", "--prefix", name, "--limit", "2")
    assert [line.split()[0] for line in limited.stdout.splitlines()[1:]] == wanted[:2]
    assert "more than 2" in limited.stderr
    body = json.loads(run(shared, "list", "--prefix", name, "--json").stdout)
    assert [row["metric_name"] for row in body["metrics"]] == wanted


def test_list_follows_pages(shared, name):
    client = shared.client()
    wanted = [f"{name}.{i:05}" for i in range(10050)]
    for start in range(0, len(wanted), 5000):
        client.record_all([{"metric_name": each, "value": 1} for each in wanted[start:start + 5000]])
    lines = run(shared, "list", "--prefix", name, "--limit", "20000").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == wanted


def test_status(shared):
    text = run(shared, "status").stdout
    for node in shared.workers:
        assert f"127.0.0.1:{node.port}" in text
    status = shared.status()
    replicas = [(shard["id"], each) for shard in status["shards"] for each in shard["replicas"]]
    table = text.partition("SHARD")[2].splitlines()[1:]
    assert len(table) == len(replicas)
    for line, (shard, replica) in zip(table, replicas):
        assert f"{replica['worker']}  {replica['role']}" in line
        assert line.split()[0] == str(shard) or line.startswith("     ")
    assert {row["state"] for row in json.loads(run(shared, "status", "--json").stdout)["workers"]} == {"up"}


@pytest.fixture
def watch():
    """Starts `status --watch`, which would not end by itself."""
    started = []

    def start(cluster, out, *args):
        started.append(subprocess.Popen([BINARY, "status", "--watch", *args], stdin=subprocess.DEVNULL, stdout=out,
                                        stderr=subprocess.DEVNULL, env=environment(cluster)))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def interrupted(process):
    process.send_signal(signal.SIGINT)
    return process.wait(5)


def test_status_is_watched(cluster, watch, tmp_path):
    """Block after block, and on when control is away for a while."""
    with open(tmp_path / "out", "wb") as out:
        process = watch(cluster, out)
    shown = (tmp_path / "out").read_text
    wait_until(lambda: shown().count("cluster raftmetrics") >= 2, 10, "a second block")
    assert "\033" not in shown() and "\n\ncluster raftmetrics" in shown()
    cluster.control.kill()
    wait_until(lambda: "could not connect" in shown(), 10, "control to be missed")
    cluster.control.start()
    wait_until(lambda: "cluster raftmetrics" in shown().rpartition("could not connect")[2], 10, "it to be back")
    assert interrupted(process) == 0


def test_status_is_watched_as_json(shared, watch, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        process = watch(shared, out, "--json")
    lines = wait_until(lambda: len(found := (tmp_path / "out").read_text().splitlines()) >= 2 and found, 10,
                       "a second line")
    assert interrupted(process) == 0
    assert all(len(json.loads(line)["workers"]) == 3 for line in lines)


def test_status_is_redrawn_on_a_terminal(shared, watch):
    """In place, cut to a window of 12 rows, and with the terminal as it was at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
    process = watch(shared, theirs)
    os.close(theirs)
    seen = b""
    while seen.count(b"\033[J") < 2:
        assert select.select([ours], [], [], 10)[0], seen
        seen += os.read(ours, 65536)
    assert interrupted(process) == 0
    os.close(ours)
    frame = seen.partition(b"\033[J")[0].decode()
    assert frame.startswith("\033[H\033[?7l\033[Kcluster raftmetrics") and frame.endswith("\033[?7h")
    assert frame.count("\n") == 11 and "too small" in frame.splitlines()[10]


def test_what_cannot_be_watched(shared):
    assert "token" in run(shared, "status", "--watch", "--token", "wrong", status=1).stderr
    with open("/dev/full", "wb") as full:
        made = subprocess.run([BINARY, "status", "--watch"], stdout=full, stderr=subprocess.PIPE, timeout=10,
                              env=environment(shared), check=False)
    assert made.returncode == 1 and b"cannot write" in made.stderr


def test_what_the_daemon_refuses_is_1(shared, name):
    assert name in run(shared, "get", name, status=1).stderr
    assert "metric_name" in run(shared, "record", "1bad", "1", status=1).stderr
    assert "token" in run(shared, "status", "--token", "wrong", status=1).stderr
    assert "token" in run(shared, "status", status=1, env={"AUTH_TOKEN": ""}).stderr


def test_a_daemon_that_is_not_there_is_1(shared):
    done = run(shared, "status", "--url", "http://127.0.0.1:1", status=1)
    assert "could not connect" in done.stderr and "127.0.0.1:1" in done.stderr


def test_the_token_from_a_file(shared, tmp_path):
    path = tmp_path / "token"
    path.write_text(shared.token + "\n")
    run(shared, "status", "--token-file", path, env={"AUTH_TOKEN": "wrong"})
    run(shared, "status", env={"AUTH_TOKEN": "", "AUTH_TOKEN_FILE": str(path)})
    assert "cannot read" in run(shared, "status", "--token-file", tmp_path / "none", status=2).stderr


def test_the_reference_documents_what_config_knows():
    reference = plain("config", "--reference").stdout
    keys = [line.split("`")[1] for line in reference.splitlines() if line.startswith("| `")]
    env = clean_environment({"AUTH_TOKEN": "t", "CLUSTER_SECRET": "12345678", "WORKER_HOSTS": "a:1", "NODE_ID": "1"})
    shown = set()
    for daemon in ("control", "worker"):
        run_config = subprocess.run([BINARY, "config", daemon, "--json"], env=env, capture_output=True, text=True,
                                    timeout=10, check=True)
        shown |= set(json.loads(run_config.stdout))
    assert shown == set(keys) and len(keys) == len(shown)
