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


def arguments(cluster, *args):
    """The command line of a client command that speaks to the cluster."""
    command, *rest = map(str, args)
    return [BINARY, command, "--url", f"http://127.0.0.1:{cluster.control.port}", *rest]


def environment(cluster, **extra):
    return clean_environment({"AUTH_TOKEN": cluster.token, **extra})


def run(cluster, *args, stdin=None, **extra):
    """Of the command with @args, the token in its environment."""
    return run_plain(*arguments(cluster, *args)[1:], stdin=stdin, env=environment(cluster, **extra))


def run_plain(*args, stdin=None, env=None, cwd=None):
    completed = subprocess.run([BINARY, *map(str, args)], input=stdin, capture_output=True, text=True, check=False,
                               timeout=TIMEOUT_SECONDS, env=env if env is not None else clean_environment(),
                               cwd=cwd)
    return Run(completed)


def ok(cluster, *args, **options):
    """As run; the exit status must be 0."""
    made = run(cluster, *args, **options)
    assert made.status == 0, made
    return made
