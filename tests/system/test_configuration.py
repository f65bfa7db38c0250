"""What a daemon is told before it starts: the sources, their order, and what stops the start."""
import json
import subprocess

import pytest

from lib.cluster import BINARY
from lib.hand_made import CLUSTER_SECRET
from lib.node import clean_environment
from lib.wait import wait_until

GOOD = {"port": 0, "auth_token": "a-token", "cluster_secret": CLUSTER_SECRET, "worker_hosts": ["127.0.0.1:1"]}


def refuse(kind, config, directory, *args, env=None):
    """The one line with which the daemon refuses to start."""
    path = directory / "node.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    run = subprocess.run([BINARY, kind, "--config", str(path), *args], env=clean_environment(env),
                         capture_output=True, timeout=10,
                         text=True, check=False)
    assert run.returncode in (1, 2), run
    assert "a-token" not in run.stderr and CLUSTER_SECRET not in run.stderr
    assert run.stderr.strip(), run
    return run.stderr


@pytest.mark.parametrize("change, word", [
    ({"nonsense": 1}, "nonsense"), ({"port": 70000}, "port"), ({"port": "x"}, "port"),
    ({"log_level": "loud"}, "log_level"),
    ({"worker_hosts": []}, "worker_hosts"), ({"worker_hosts": ["nowhere"]}, "nowhere"),
    ({"listen": "256.1.1.1"}, "listen"),
    ({"worker_hosts": ["a:1", "a:1"]}, "a:1"), ({"tokens": [{"name": "x"}]}, "tokens"),
    ({"threads": 0}, "threads"),
    ({"tokens": [{"name": "x", "token": "y", "scopes": ["root"]}]}, "scopes"),
    ({"cluster_secret": "short"}, "cluster_secret"),
    ({"auth_token": "two words"}, "token"), ({"node_id": 1}, "node_id"),
    ({"max_connections": -1}, "max_connections")])
def test_a_bad_value_is_named(tmp_path, change, word):
    assert word in refuse("control", {**GOOD, **change}, tmp_path)


@pytest.mark.parametrize("missing", ["auth_token", "cluster_secret", "worker_hosts"])
def test_what_is_required_is_named(tmp_path, missing):
    config = {key: value for key, value in GOOD.items() if key != missing}
    assert missing in refuse("control", config, tmp_path)
    assert missing in refuse("worker", {**config, "node_id": 1, "data_dir": str(tmp_path)}, tmp_path)


def test_an_id_is_required_and_one_of_the_workers(tmp_path):
    assert "node_id" in refuse("worker", {**GOOD, "data_dir": str(tmp_path)}, tmp_path)
    assert "node_id" in refuse("worker", {**GOOD, "data_dir": str(tmp_path), "node_id": 2}, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1, "port": 2}', "port: 1", '{"port": 1} x', "\0"])
def test_a_file_that_is_no_configuration(tmp_path, text):
    assert "node.json" in refuse("control", text, tmp_path)


def test_bad_environment_and_flags_are_named(tmp_path):
    assert "PORT" in refuse("control", GOOD, tmp_path, env={"PORT": "http"})
    assert "LOG_LEVEL" in refuse("control", GOOD, tmp_path, env={"LOG_LEVEL": "loud"})
    assert "--port" in refuse("control", GOOD, tmp_path, "--port", "http")
    assert "--nonsense" in refuse("control", GOOD, tmp_path, "--nonsense")


def test_a_secret_file_that_is_missing_is_named(tmp_path):
    missing = str(tmp_path / "no-such-file")
    assert "no-such-file" in refuse("control", GOOD, tmp_path, env={"AUTH_TOKEN_FILE": missing})


def test_a_port_that_is_taken(shared, tmp_path):
    assert str(shared.control.port) in refuse("control", {**GOOD, "port": shared.control.port}, tmp_path)


def test_flag_over_environment_over_file(make_cluster):
    cluster = make_cluster(n_workers=1)
    node = cluster.add_node("control", "other", cluster.ports.spare())
    file_port, environment_port = cluster.ports.spare(), cluster.ports.spare()
    cluster.write_config(node, port=file_port)
    node.port = environment_port
    node.start(env={"PORT": str(environment_port)})
    node.stop()
    node.port = cluster.ports.spare()
    node.start(args=("--port", str(node.port)), env={"PORT": str(environment_port)})


def test_secrets_from_files(make_cluster, tmp_path):
    """As containers hand them over, with a newline at the end."""
    cluster = make_cluster(n_workers=1)
    (tmp_path / "token").write_text("token-in-a-file\n")
    node = cluster.add_node("control", "other", cluster.ports.spare())
    cluster.write_config(node, auth_token=None)
    node.token = "token-in-a-file"
    node.start(env={"AUTH_TOKEN_FILE": str(tmp_path / "token")})
    assert node.ask("/health").status == 200


def test_everything_from_the_environment(make_cluster):
    """No file at all, as a container starts."""
    cluster = make_cluster(n_workers=1)
    node = cluster.add_node("control", "other", cluster.ports.spare())
    node.config.write_text("{}")
    node.start(env={"PORT": str(node.port), "AUTH_TOKEN": cluster.token, "CLUSTER_SECRET": CLUSTER_SECRET,
                    "LISTEN": "127.0.0.1",
                    "WORKER_HOSTS": f"127.0.0.1:{cluster.workers[0].port}", "LOG_LEVEL": "warn"})
    node.client().record("from.the.environment", 1)


def test_the_well_known_token_is_for_this_machine(make_cluster):
    cluster = make_cluster(n_workers=1)
    for listen, warns in (("127.0.0.1", False), ("0.0.0.0", True)):
        node = cluster.add_node("control", f"other-{listen}", cluster.ports.spare())
        cluster.write_config(node, auth_token="local-dev-token-123", listen=listen)
        node.start()
        wait_until(lambda: node.ask("/livez").status == 200, 5, "the daemon to live")
        assert ("level=warn" in node.tail() and "token" in node.tail()) == warns, node.tail()
        assert "local-dev-token-123" not in node.tail()


@pytest.mark.parametrize("n_workers, replicas, phrase", [
    (1, 3, "one replica of each shard"), (2, 3, "two replicas of each shard tolerate no loss"),
    (3, 2, "two replicas of each shard tolerate no loss"), (3, 3, None), (3, 7, None)])
def test_few_replicas_are_warned_of(make_cluster, n_workers, replicas, phrase):
    cluster = make_cluster(n_workers=n_workers, worker={"replicas": replicas})
    for worker in cluster.workers:
        warnings = [line for line in worker.log.read_text().splitlines() if "replica" in line and "level=warn" in line]
        assert len(warnings) == (0 if phrase is None else 1), warnings
        assert phrase is None or phrase in warnings[0]
    assert "replica" not in cluster.control.tail()


def test_a_second_worker_in_the_same_directory(make_cluster):
    """It would destroy the logs of the first, which lives on; a dead one holds nothing."""
    cluster = make_cluster(n_workers=1)
    worker = cluster.worker(1)
    config = json.loads(worker.config.read_text())
    port = cluster.ports.spare()
    second = {**config, "port": port, "pid_file": "", "worker_hosts": [f"127.0.0.1:{port}"]}
    line = refuse("worker", second, cluster.directory)
    assert "data directory is in use" in line and config["data_dir"] in line
    cluster.client().record("undisturbed", 1)
    worker.kill()
    worker.start()


def test_a_data_directory_is_made_and_only_ours(make_cluster, tmp_path):
    directory = tmp_path / "not" / "there" / "yet"
    make_cluster(n_workers=1, worker={"data_dir": str(directory)})
    assert directory.is_dir() and directory.stat().st_mode & 0o077 == 0


def test_a_data_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    line = refuse("worker", {**GOOD, "node_id": 1, "data_dir": str(tmp_path / "file" / "below")}, tmp_path)
    assert "data directory" in line and "Not a directory" in line


def test_logs_are_lines_of_json_where_asked(make_cluster):
    cluster = make_cluster(n_workers=1, both={"log_format": "json"}, log_level="debug")
    cluster.client().record("logged", 1)
    for node in cluster.nodes:
        lines = node.log.read_text().splitlines()
        assert lines
        for line in lines:
            assert isinstance(json.loads(line), dict)


def test_the_result_shows_where_values_come_from(tmp_path):
    path = tmp_path / "node.json"
    path.write_text(json.dumps(GOOD))
    run = subprocess.run([BINARY, "config", "control", "--config", str(path)],
                         env=clean_environment({"LOG_LEVEL": "warn"}),
                         capture_output=True, text=True, timeout=10, check=False)
    assert run.returncode == 0, run
    for word in ("port", "log_level", "warn", "LOG_LEVEL", "worker_hosts", "127.0.0.1:1", "max_connections",
                 "4096", "default"):
        assert word in run.stdout, run.stdout
    assert "a-token" not in run.stdout and CLUSTER_SECRET not in run.stdout
