import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("lib", "rig")

from lib.fixtures import *  # noqa: E402,F401,F403
from rig.cluster import FaultCluster  # noqa: E402

SEED = int(os.environ.get("RAFTMETRICS_SEED") or random.randrange(2**32))


def pytest_configure(config):
    config.addinivalue_line("markers", "long: not in CI; `make test-long` runs it")


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"faults: RAFTMETRICS_SEED={SEED} makes the same choices again")
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line("faults: the logs of what failed are in build/faults")


@pytest.fixture
def seed():
    return SEED


@pytest.fixture
def rng(request):
    """The test's own choices: the same for the same seed, whatever other tests run."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def make_faulty(request):
    """Makes clusters whose links can be cut; stops them after the test."""
    failures = request.session.testsfailed
    made = []

    def make(start=True, **options):
        fresh = FaultCluster(label=f"{request.node.name}-{SEED}-{len(made)}", **options)
        made.append(fresh)
        return fresh.start() if start else fresh

    yield make
    for each in made:
        each.finish(request.session.testsfailed > failures)


@pytest.fixture
def faulty(make_faulty):
    """Control and three workers, three replicas."""
    return make_faulty()


@pytest.fixture
def say(capsys):
    """Prints at once, for tests that take minutes."""
    def print_now(line):
        with capsys.disabled():
            print(line, flush=True)
    return print_now
