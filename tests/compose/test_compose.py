"""Dockerfile and docker-compose.yml for real: an image is built, a cluster started, used, hurt and
removed, by a Docker engine that the test starts and stops itself. Needs root; the packages that
are missing are installed. Where it cannot run it skips, and says why.

The tests are the steps of one story and run in the order of this file.

The engine has to see the sources: RAFTMETRICS_SOURCE names another tree (to try the test itself).
"""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import pytest

from base_image import NoBaseImage, provide
from engine import Engine, EngineFailed

SOURCE = os.environ.get("RAFTMETRICS_SOURCE",
                        os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
SERVICES = ("control", "worker-1", "worker-2", "worker-3")
MAX_IMAGE_BYTES = 120_000_000
IMAGE = "raftmetrics:local"
AUTH = "-H 'Authorization: Bearer local-dev-token-123'"
URL = "http://127.0.0.1:8080"
# The build needs a network for its packages, and the engine has no bridge while it builds.
BUILD_ON_HOST_NETWORK = """
services:
  worker-1:
    build:
      context: .
      network: host
"""


def skip_unless_possible():
    if os.geteuid() != 0:
        pytest.skip("the compose test starts a Docker engine, which needs root")
    setup = subprocess.run([f"{SOURCE}/.ci/setup", "compose"], capture_output=True, text=True,
                           check=False)
    if setup.returncode != 0:
        pytest.skip(f"Docker cannot be installed here: {setup.stderr[-600:]}")


def start_or_skip(engine, own_network):
    try:
        engine.start(own_network)
    except EngineFailed as problem:
        pytest.skip(f"no Docker engine can run here: {problem}")


@pytest.fixture(scope="module")
def engine():
    skip_unless_possible()
    made = Engine(tempfile.mkdtemp(prefix="rm-compose-", dir="/var/tmp"))
    try:
        start_or_skip(made, own_network=False)
        try:
            print("base image:", provide(made))
        except NoBaseImage as problem:
            pytest.skip(f"no base image: {problem}")
        build(made)
        made.stop()
        start_or_skip(made, own_network=True)
        yield made
    finally:
        made.remove()
    assert not os.path.exists(made.directory)


def build(engine):
    extra = f"{engine.directory}/host-network.yml"
    with open(extra, "w", encoding="utf-8") as override:
        override.write(BUILD_ON_HOST_NETWORK)
    engine.compose("-f", f"{SOURCE}/docker-compose.yml", "-f", extra, "--project-directory", SOURCE,
                   "build", "worker-1", timeout=1200)


@pytest.fixture(scope="module")
def cluster(engine):
    up = engine.compose("up", "-d", cwd=SOURCE, timeout=300)
    assert up.returncode == 0
    return engine


def container(engine, service):
    found = engine.docker("ps", "--all", "--quiet", "--no-trunc",
                          "--filter", "label=com.docker.compose.project=raftmetrics-test",
                          "--filter", f"label=com.docker.compose.service={service}")
    return engine.inspect("container", found.stdout.strip())


def said(engine, a_container):
    """The end of its log."""
    logs = engine.docker("logs", "--timestamps", "--tail", "40", a_container["Id"])
    return logs.stdout + logs.stderr


def health(engine, service):
    return container(engine, service)["State"]["Health"]["Status"]


def wait_healthy(engine, service):
    engine.wait_for(lambda: health(engine, service) == "healthy", 60, f"{service} to be healthy")


def ask(engine, arguments):
    return json.loads(engine.shell(f"curl -sS {AUTH} {arguments}").stdout)


def test_image_is_small_and_has_a_user(engine):
    image = engine.inspect("image", IMAGE)
    print(f"image: {image['Size'] / 1e6:.1f} MB")
    assert image["Size"] < MAX_IMAGE_BYTES
    assert image["Config"]["User"] not in ("", "0", "root")
    assert image["Config"]["Entrypoint"] == ["raftmetrics"]
    assert "/data" in image["Config"]["Volumes"]


def first_event(engine, service, action):
    """When a container first did this, in nanoseconds."""
    shown = engine.docker("events", "--since", "0", "--until", str(int(time.time()) + 1),
                          "--filter", f"container={container(engine, service)['Id']}",
                          "--filter", f"event={action.partition(':')[0]}", "--format", "{{json .}}")
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    return min(event["timeNano"] for event in events if event["Action"] == action)


def test_every_service_becomes_healthy_workers_first(cluster):
    for service in SERVICES:
        wait_healthy(cluster, service)
    control_start = first_event(cluster, "control", "start")
    for worker in SERVICES[1:]:
        assert first_event(cluster, worker, "health_status: healthy") < control_start


@pytest.mark.parametrize("service", SERVICES)
def test_runs_without_rights_and_with_a_read_only_root(cluster, service):
    found = container(cluster, service)
    assert found["HostConfig"]["ReadonlyRootfs"]
    inside = lambda *command: cluster.docker("exec", found["Id"], *command, check=False)
    assert int(inside("id", "-u").stdout) > 0
    assert inside("touch", "/usr/local/bin/x").returncode != 0
    assert "Read-only file system" in inside("touch", "/var/tmp/x").stderr
    assert inside("touch", "/data/probe").returncode == 0
    assert inside("rm", "/data/probe").returncode == 0
    status = inside("cat", "/proc/1/status").stdout
    assert re.search(r"^CapEff:\s*0+$", status, re.M), status


@pytest.mark.parametrize("port, service", enumerate(SERVICES, start=8080))
def test_published_on_loopback_only(cluster, port, service):
    ports = container(cluster, service)["NetworkSettings"]["Ports"]
    published = {inside: outside for inside, outside in ports.items() if outside}
    assert published == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}


@pytest.mark.parametrize("port", range(8080, 8084))
def test_health_answers_on_every_port(cluster, port):
    answer = ask(cluster, f"http://127.0.0.1:{port}/health")
    who = "Control node" if port == 8080 else f"Worker node {port - 8080}"
    assert answer == {"status": "healthy", "message": f"{who} is operational"}


def readme_example():
    """The shell block of README.md with the curl commands, and the answers shown in its comments."""
    with open(f"{SOURCE}/README.md", encoding="utf-8") as readme:
        blocks = re.findall(r"^```sh\n(.*?)^```$", readme.read(), re.M | re.S)
    block = next(block for block in blocks if 'curl -H "$TOKEN"' in block)
    return block, re.findall(r"^# (\{.*\})$", block, re.M)


def test_the_readme_s_commands(cluster):
    block, shown = readme_example()
    strict = 'set -eu; curl() { command curl -sS --fail-with-body "$@"; echo; };'
    answers = cluster.shell(f"{strict}\n{block}").stdout.splitlines()
    for answer in shown:
        pattern = ".*".join(re.escape(part) for part in answer.split("…"))
        assert any(re.fullmatch(pattern, line) for line in answers), (answer, answers)
    assert len(shown) >= 4


def test_the_contract_s_example_with_curl(cluster):
    for value in (75.5, 80.2, 70.1):
        body = json.dumps({"metric_name": "cpu_usage", "value": value})
        answer = ask(cluster, f"-X POST {URL}/metrics -d '{body}'")
        assert answer["success"] is True
        assert re.fullmatch(r"Metric recorded on worker [123]", answer["message"])
    answer = ask(cluster, f"{URL}/metrics/cpu_usage")
    assert answer["values"] == [75.5, 80.2, 70.1]
    answer = ask(cluster, f"{URL}/metrics/cpu_usage/aggregate")
    assert (answer["count"], answer["sum"], answer["min"], answer["max"]) == (3, 225.8, 70.1, 80.2)


def test_every_worker_gets_its_share(cluster):
    items = [{"metric_name": f"share_{index}", "value": index} for index in range(200)]
    answer = ask(cluster, f"-X POST {URL}/metrics/batch -d '{json.dumps({'metrics': items})}'")
    assert answer == {"success": True, "message": "200 metrics recorded", "recorded": 200}
    listed = ask(cluster, f"'{URL}/metrics?format=json&prefix=share_'")["metrics"]
    assert len(listed) == 200
    assert len({row["worker"] for row in listed}) == 3


def test_a_stranger_gets_nothing(cluster):
    status = cluster.shell(f"curl -sS -o /dev/null -w '%{{http_code}}' {URL}/metrics").stdout
    assert status == "401"


@pytest.mark.parametrize("service", ("control", "worker-2"))
def test_the_restart_policy_brings_a_node_back(cluster, service):
    before = container(cluster, service)
    # Not `docker kill`: that counts as the operator's wish, and nothing is started again.
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    cluster.wait_for(lambda: container(cluster, service)["RestartCount"] > before["RestartCount"],
                     60, f"{service} to be started again")
    wait_healthy(cluster, service)
    cluster.wait_for(lambda: ask(cluster, f"{URL}/health")["status"] == "healthy", 30,
                     "the cluster to be healthy")
    body = json.dumps({"metric_name": f"after_{service}", "value": 1})
    assert ask(cluster, f"-X POST {URL}/metrics -d '{body}'")["success"] is True


def test_stops_within_its_grace_period(cluster):
    cluster.compose("stop", cwd=SOURCE)
    for service in SERVICES:
        stopped = container(cluster, service)
        # 137 would be SIGKILL: SIGTERM was not obeyed in time.
        assert stopped["State"]["ExitCode"] == 0, (service, stopped["State"], said(cluster, stopped))


def test_down_removes_everything(cluster):
    cluster.compose("down", "-v", cwd=SOURCE)
    assert cluster.docker("ps", "--all", "--quiet").stdout == ""
    assert cluster.docker("volume", "ls", "--quiet").stdout == ""
    assert "raftmetrics" not in cluster.docker("network", "ls").stdout
