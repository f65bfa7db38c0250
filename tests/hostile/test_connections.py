"""More connections than there are places, and connections that come and go."""
import contextlib
import resource
import socket

import pytest

from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, request_bytes
from lib.wait import wait_until

LIMIT = 4096
ASK = request_bytes("GET", "/health", [bearer(TOKEN)])


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * LIMIT
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"LOUD: this user may open {hard} files, the flood needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(port):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", port))
    return sock


def test_flood_to_the_limit(shared, many_files):
    """Those who have a place are served while the flood stands; the others once it has gone."""
    del many_files
    with RawConnection(shared.control.port) as early, contextlib.ExitStack() as flood:
        early.send(ASK)
        assert early.read_answer().status == 200
        for _ in range(LIMIT + 300):
            flood.enter_context(contextlib.closing(connect(shared.control.port)))
        for _ in range(20):
            early.send(ASK)
            assert early.read_answer().status == 200
        assert shared.workers[0].ask("/health").status == 200
    wait_until(lambda: shared.control.ask("/health").status == 200, 10, "a place to be free after the flood")


def test_connections_that_come_and_go(shared):
    for node in shared.nodes:
        for turn in range(500):
            connection = RawConnection(node.port)
            if turn % 3 == 0:
                connection.send(ASK)
            connection.reset() if turn % 2 else connection.close()


def test_resets_after_whole_requests(shared):
    """Answers find nobody; pipelined requests end with their connection."""
    write = request_bytes("POST", "/metrics", [bearer(TOKEN)], b'{"metric_name": "good.reset", "value": 1}')
    for turn in range(200):
        connection = RawConnection(shared.control.port)
        try:
            connection.send(write * (1 + turn % 20))
        except Closed:
            pass
        connection.reset()


def test_pipelines_without_end(shared):
    """Ten thousand requests before the first answer is read."""
    with RawConnection(shared.control.port) as connection:
        n_sent = 0
        while n_sent < 10_000:
            connection.send(ASK * 50)
            n_sent += 50
            for _ in range(50):
                assert connection.read_answer().status == 200
    with RawConnection(shared.control.port, timeout=30) as connection:
        connection.send(ASK * 200)
        assert [connection.read_answer().status for _ in range(200)] == [200] * 200
