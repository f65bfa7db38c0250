"""The logs of real daemons: a request is followed by its id, and the level changes at run time."""
import json
import signal

import pytest

from lib.client import item
from lib.cluster import Cluster
from lib.wait import wait_until


@pytest.fixture
def verbose():
    cluster = Cluster(label="logs", log_level="debug")
    cluster.start()
    yield cluster
    cluster.stop()


def lines_with(cluster, *words):
    return [line for line in cluster.log.read_text(errors="replace").splitlines()
            if all(word in line for word in words)]


def test_a_request_is_followed_by_its_id(verbose):
    verbose.client().request("POST", "/metrics", item("followed", 1), headers={"X-Request-Id": "write-4711"})
    verbose.client().request("GET", "/metrics/followed", headers={"X-Request-Id": "read-4712"})
    for request_id, path, inner in [("write-4711", "path=/metrics ", "/internal/append"),
                                    ("read-4712", "path=/metrics/followed ", "/internal/metrics/followed")]:
        wait_until(lambda: lines_with(verbose, request_id, path), 5, f"control to log {request_id}")
        wait_until(lambda: lines_with(verbose, request_id, inner), 5, f"a worker to log {request_id}")


def test_the_level_is_read_again(verbose):
    """The daemons of dev read their files; SIGHUP makes control take the new level."""
    path = verbose.data_directory / "control.json"
    config = json.loads(path.read_text())
    config["log_level"] = "warn"
    path.write_text(json.dumps(config))
    verbose.control.signal(signal.SIGHUP)

    def is_silent():
        before = len(lines_with(verbose, "path=/health "))
        verbose.client().get("/health")
        verbose.client().get("/health")
        return len(lines_with(verbose, "path=/health ")) == before

    wait_until(is_silent, 5, "control to fall silent")


def test_a_broken_file_changes_nothing(verbose):
    path = verbose.data_directory / "control.json"
    path.write_text("{")
    verbose.control.signal(signal.SIGHUP)
    wait_until(lambda: lines_with(verbose, "level=error", "configuration not read again"), 5, "the complaint")
    assert verbose.client().get("/health").status == 200
