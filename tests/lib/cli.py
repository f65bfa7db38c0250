"""The client commands of the binary."""
import json
import subprocess

from .cluster import BINARY
from .node import clean_environment

TIMEOUT_SECONDS = 60


class Run:
    def __init__(self, completed):
        self.status = completed.returncode
        self.out = completed.stdout
        self.err = completed.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"<exit {self.status}, out {self.out[-500:]!r}, err {self.err[-500:]!r}>"


def command_line(*args):
    return [BINARY, *map(str, args)]


def environment(cluster, **extra):
    """What makes the client commands speak to the cluster."""
    return clean_environment({"AUTH_TOKEN": cluster.token, **extra,
                              "RAFTMETRICS_URL": f"http://127.0.0.1:{cluster.control.port}"})


def run(cluster, *args, **extra):
    """Of the command with @args; @extra goes into its environment."""
    return run_plain(*args, env=environment(cluster, **extra))


def run_plain(*args, env=None):
    return Run(subprocess.run(command_line(*args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=TIMEOUT_SECONDS, env=clean_environment() if env is None else env))


def ok(cluster, *args, **options):
    """As run; the exit status must be 0."""
    made = run(cluster, *args, **options)
    assert made.status == 0, made
    return made
