"""raftmetrics dev: a cluster that starts with one command and leaves nothing behind."""
import json
import os
import signal
import socket
import stat
import subprocess
import time

import pytest

from lib.cluster import BINARY, Cluster
from lib.node import START_SECONDS, STOP_SECONDS, clean_environment, is_alive
from lib.ports import take_ports
from lib.wait import wait_until


def dev_output(cluster):
    return cluster.output.read_text() + cluster.log.read_text()


def test_what_it_prints(cluster):
    lines = cluster.output.read_text().splitlines()
    assert lines[0] == f"ready http://127.0.0.1:{cluster.control.port}"
    commands = wait_until(lambda: [line for line in cluster.output.read_text().splitlines()
                                   if line.strip().startswith("curl ")],
                          5, "commands to paste")
    assert len(commands) == 3
    for command in commands:
        run = subprocess.run(["sh", "-c", command.strip() + " -sS --fail-with-body"], capture_output=True,
                             text=True, timeout=10, check=False)
        assert run.returncode == 0, run
        assert json.loads(run.stdout.splitlines()[-1])


def test_ready_means_writable(cluster):
    """Right after the line, without waiting for anything."""
    client = cluster.client()
    for i in range(50):
        client.record(f"at.once.{i}", i)


def test_files(cluster):
    for node in cluster.nodes:
        config = json.loads(node.config.read_text())
        assert config["port"] == node.port
        assert stat.S_IMODE(node.config.stat().st_mode) & 0o077 == 0, "a configuration holds secrets"
        pid = int((cluster.data_directory / f"{node.name}.pid").read_text())
        assert is_alive(pid) and pid == node.pid
    assert len({node.pid for node in cluster.nodes}) == 4
    assert cluster.process.pid not in {node.pid for node in cluster.nodes}


def test_everything_listens_on_loopback_only(cluster):
    own = {os.stat(f"/proc/{node.pid}/fd/{fd}").st_ino for node in cluster.nodes
           for fd in os.listdir(f"/proc/{node.pid}/fd")
           if os.readlink(f"/proc/{node.pid}/fd/{fd}").startswith("socket:")}
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as rows:
            for row in list(rows)[1:]:
                fields = row.split()
                if fields[3] == "0A" and int(fields[9]) in own:
                    listening.append(fields[1].split(":"))
    assert {int(port, 16) for _, port in listening} >= {node.port for node in cluster.nodes}
    assert {address for address, _ in listening} <= {"0100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(cluster, signum):
    pids = list(cluster.pids().values())
    began = time.monotonic()
    cluster.process.send_signal(signum)
    status = cluster.process.wait(STOP_SECONDS)
    assert time.monotonic() - began <= STOP_SECONDS
    assert status == 0
    assert not any(map(is_alive, pids))
    assert not list(cluster.data_directory.glob("*.pid")), "pid files of processes that are gone"


def test_it_stops_while_clients_write(cluster):
    from lib.load import Load
    with Load(cluster, ["load"], n_threads=4, per_second=200) as load:
        wait_until(lambda: load.answered > 50, 5, "load")
        pids = list(cluster.pids().values())
        cluster.process.terminate()
        assert cluster.process.wait(STOP_SECONDS) == 0
        assert not any(map(is_alive, pids))
    assert not load.unexpected and not load.late
    assert set(load.statuses) <= {200, 404, 503}, load.statuses


def test_it_stops_with_connections_open(cluster):
    from lib.raw import RawConnection
    idle = [RawConnection(node.port) for node in cluster.nodes for _ in range(5)]
    for connection in idle[::2]:
        connection.send(b"POST /metrics HTTP/1.1\r\nContent-Le")
    cluster.process.terminate()
    assert cluster.process.wait(STOP_SECONDS) == 0
    for connection in idle:
        connection.wait_closed(1)
        connection.close()


def test_a_stuck_node_does_not_stop_it_from_stopping(cluster):
    cluster.worker(2).signal(signal.SIGSTOP)
    pids = list(cluster.pids().values())
    cluster.process.terminate()
    cluster.process.wait(STOP_SECONDS + 1)
    assert not any(map(is_alive, pids))
    cluster.process = None


@pytest.mark.parametrize("which", ["control", "worker-2"])
def test_a_node_that_dies_is_reported_and_started_by_hand(cluster, which):
    victim = next(node for node in cluster.nodes if node.name == which)
    others = {node.name: node.pid for node in cluster.nodes if node is not victim}
    victim.kill()
    command = f"{victim.kind} --config {victim.config}"
    wait_until(lambda: command in dev_output(cluster), 5, "dev to say how to start it again")
    assert {node.name: node.pid for node in cluster.nodes if node is not victim} == others
    by_hand = victim.start()
    cluster.wait_writable()
    cluster.client().record("after.the.restart", 1)
    pids = [node.pid for node in cluster.nodes]
    assert by_hand.pid in pids
    cluster.process.terminate()
    # The harness is the parent of the one started by hand, and must see it end.
    assert by_hand.wait(STOP_SECONDS) == 0
    assert cluster.process.wait(STOP_SECONDS) == 0
    assert not any(map(is_alive, pids))


def test_it_starts_again_in_the_same_directory(cluster):
    cluster.process.terminate()
    assert cluster.process.wait(STOP_SECONDS) == 0
    cluster.start()
    cluster.client().record("second.life", 1)


def test_it_starts_after_everything_was_killed(cluster):
    """Pid files and configurations of the dead lie about."""
    for pid in [cluster.process.pid, *cluster.pids().values()]:
        os.kill(pid, signal.SIGKILL)
    cluster.process.wait()
    wait_until(lambda: not any(node.is_running() for node in cluster.nodes), 5, "all to be gone")
    cluster.start()
    cluster.client().record("third.life", 1)


@pytest.mark.parametrize("n_workers", [1, 5])
def test_other_sizes(make_cluster, n_workers):
    cluster = make_cluster(kind=Cluster, n_workers=n_workers)
    assert sorted(row["id"] for row in cluster.status()["workers"]) == list(range(1, n_workers + 1))
    client = cluster.client()
    for i in range(30):
        client.record(f"other.sizes.{i}", i)
    everyone = set(range(1, n_workers + 1))
    wait_until(lambda: {row["leader"] for row in cluster.status()["shards"]} == everyone, START_SECONDS,
               "every worker to lead a shard")


def run_dev(*args):
    return subprocess.run([BINARY, "dev", *args], capture_output=True, text=True, timeout=10,
                          env=clean_environment(), check=False)


def test_a_second_one_in_the_same_directory_is_refused(cluster):
    ports = take_ports(3)
    try:
        run = run_dev("--workers", "3", "--port", str(ports.base), "--data-dir", str(cluster.data_directory),
                      "--token", "t0ken")
    finally:
        ports.release()
    assert run.returncode == 1, run
    assert str(cluster.data_directory) in run.stderr
    cluster.client().record("undisturbed", 1)


def test_a_taken_port_is_named(shared, tmp_path):
    run = run_dev("--workers", "1", "--port", str(shared.control.port), "--data-dir", str(tmp_path / "data"),
                  "--token", "t0ken")
    assert run.returncode == 1, run
    assert str(shared.control.port) in run.stderr
    assert shared.control.ask("/health").status == 200


def test_another_peer_port_where_one_is_taken(make_cluster):
    cluster = make_cluster(kind=Cluster, n_workers=3, start=False)
    base = cluster.ports.base
    with socket.create_server(("127.0.0.1", base + 102)):
        cluster.start()
        cluster.client().record("reached", 1)
        for node in cluster.nodes:
            first, second, third = json.loads(node.config.read_text())["worker_hosts"]
            assert (first, third) == (f"127.0.0.1:{base + 1}", f"127.0.0.1:{base + 3}")
            address, _, peer_port = second.partition("/")
            assert address == f"127.0.0.1:{base + 2}" and int(peer_port) != base + 102


@pytest.mark.parametrize("args, word", [
    (["--workers", "0"], "--workers"), (["--workers", "x"], "--workers"), (["--port", "70000"], "--port"),
    (["--log-level", "loud"], "log"),
    (["--nonsense"], "--nonsense"), (["word"], "word"), (["--token", ""], "token"),
    (["--token", "two words"], "token")])
def test_bad_arguments(tmp_path, args, word):
    run = run_dev("--data-dir", str(tmp_path), *args)
    assert run.returncode == 2, run
    assert word in run.stderr
    assert not run.stdout
