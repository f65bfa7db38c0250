"""The client commands of the binary, run as a person or a script does."""
import subprocess

from .cluster import BINARY
from .node import clean_environment


def environment(cluster, **extra):
    return clean_environment({"RAFTMETRICS_URL": f"http://127.0.0.1:{cluster.control.port}",
                              "AUTH_TOKEN": cluster.token, **extra})


def start(cluster, *args, **options):
    return subprocess.Popen([BINARY, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=environment(cluster), **options)


def run(cluster, *args, status=0, env=None, **options):
    """Runs to the end, which must have this exit code."""
    done = subprocess.run([BINARY, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env=environment(cluster, **(env or {})), check=False, **options)
    assert done.returncode == status, done
    return done
