"""pytest's fixtures for both folders of tests; each conftest.py imports them."""
import itertools

import pytest

from .cluster import Cluster
from .hand_made import HandMadeCluster

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def shared(request):
    """A cluster of three workers that every test of the folder reads and writes. Nobody kills
    its nodes; names come from the fixture name."""
    yield from run(request, Cluster(3, label="shared-" + request.node.name))


@pytest.fixture
def cluster(request):
    """A cluster of three workers for one test, which may do to it what it wants."""
    yield from run(request, Cluster(3, label=request.node.name))


@pytest.fixture
def make_cluster(request):
    """Makes clusters of the test's own shape; stops them after it."""
    failures = request.session.testsfailed
    made = []

    def make(kind=HandMadeCluster, start=True, **options):
        fresh = kind(label=f"{request.node.name}-{len(made)}", **options)
        made.append(fresh)
        return fresh.start() if start else fresh

    yield make
    for each in made:
        each.finish(request.session.testsfailed > failures)


@pytest.fixture
def api(shared):
    """A client of the shared cluster's control daemon."""
    client = shared.client()
    yield client
    client.close()


@pytest.fixture
def name(request):
    """A metric name that no other test uses."""
    return f"{request.node.originalname}.{next(_serial)}"


@pytest.fixture
def names(request):
    """As many such names as are asked for."""
    return (f"{request.node.originalname}.{number}" for number in _serial)


def run(request, cluster):
    """For a fixture: starts @cluster, yields it, and stops it; leaves its logs where a test failed."""
    failures = request.session.testsfailed
    started = False
    try:
        cluster.start()
        started = True
        yield cluster
    finally:
        cluster.finish(not started or request.session.testsfailed > failures)
