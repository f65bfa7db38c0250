"""A Prometheus server of the test's own, on a free port of 127.0.0.1."""
import json
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request

import pytest

from .wait import wait_until

START_SECONDS = 30
CONFIG = """
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
{jobs}
"""
JOB = """
- job_name: {name}
  metrics_path: {path}
  authorization: {{credentials: "{token}"}}
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    def __init__(self, jobs, token):
        """@jobs: port and path by name."""
        if shutil.which("prometheus") is None:
            pytest.skip("LOUD: Prometheus is not installed (apt: prometheus): it scraped nothing")
        self._directory = tempfile.TemporaryDirectory(prefix="raftmetrics-prometheus-")
        self._log = open(f"{self._directory.name}/log", "wb")
        self.port = _free_port()
        config = f"{self._directory.name}/prometheus.yml"
        with open(config, "w") as file:
            file.write(CONFIG.format(jobs="".join(JOB.format(name=name, port=port, path=path, token=token)
                                                  for name, (port, path) in jobs.items())))
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self._directory.name}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True)
        wait_until(lambda: self._get("/-/ready") is not None, START_SECONDS, "Prometheus to be ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._log.close()
        self._directory.cleanup()

    def targets(self):
        """Health and last error by job."""
        active = json.loads(self._get("/api/v1/targets"))["data"]["activeTargets"]
        return {target["labels"]["job"]: (target["health"], target["lastError"]) for target in active}

    def wait_scraped(self, timeout=START_SECONDS):
        """Until what every job answered can be asked for; AssertionError with what Prometheus says
        where one cannot be scraped."""
        def scraped():
            targets = self.targets()
            assert all(health != "down" for health, _ in targets.values()), targets
            return self.value("count(up == 1)") == len(targets)
        wait_until(scraped, timeout, "Prometheus to have scraped every job")

    def query(self, expression):
        """The values of an instant query, by their labels as sorted pairs, without the job's own."""
        answer = json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert answer["status"] == "success", answer
        return {tuple(sorted((name, value) for name, value in each["metric"].items()
                             if name not in ("job", "instance"))): float(each["value"][1])
                for each in answer["data"]["result"]}

    def value(self, expression):
        """The one value of an instant query; None where there is none."""
        values = self.query(expression)
        assert len(values) <= 1, values
        return next(iter(values.values()), None)

    def types(self, job):
        """Of the families that a job exposes, by name."""
        answer = json.loads(self._get("/api/v1/targets/metadata?" + urllib.parse.urlencode(
            {"match_target": f'{{job="{job}"}}'})))
        return {each["metric"]: each["type"] for each in answer["data"]}

    def _get(self, target):
        assert self._process.poll() is None, "Prometheus ended"
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{target}", timeout=10) as answer:
            return answer.read()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
