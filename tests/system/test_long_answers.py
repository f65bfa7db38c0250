"""Answers that are longer than anybody wants to hold: they stream through control as they come."""
import hashlib
import http.client
import random
import signal
import socket
import threading

import pytest

from lib.checks import check_error, check_json
from lib.fake_worker import DIE, FakeCluster, Pieces, refusal
from lib.memory import peak_of, slack_of
from lib.wait import wait_until

WHOLE_BYTES = 64 << 10  # a shorter answer has a length
MEGABYTE = 1 << 20
SLACK_BYTES = 32 * MEGABYTE  # of the kernel's buffers, and the daemons'
LOST = (http.client.IncompleteRead, ConnectionResetError)


class Scene:
    """Two workers that answer as a script says; the first leads the only shard."""

    def __init__(self, cluster):
        cluster.data_directory.mkdir()
        self.daemons = cluster
        self.control = cluster.control
        self.fakes = FakeCluster([worker.port for worker in cluster.workers])
        self.one, self.two = self.fakes.workers

    def start(self, **configuration):
        self.fakes.lead(self.one, 3)
        self.daemons.write_config(self.control, threads=1, status_poll_ms=20, client_deadline_ms=3000,
                                  forward_timeout_ms=2999, **configuration)
        self.control.start(wait=False)
        wait_until(lambda: self.control.ask("/readyz?all").status == 200, 10, "control to know the leader")
        return self

    def read(self, **query):
        return self.daemons.client().get("/metrics/a", query)

    def open(self, version="HTTP/1.1"):
        """A socket that has asked, and reads nothing by itself."""
        client = socket.create_connection(("127.0.0.1", self.control.port), timeout=15)
        client.sendall(f"GET /metrics/a {version}\r\nHost: h\r\nAuthorization: Bearer {self.daemons.token}\r\n\r\n"
                       .encode())
        return client


@pytest.fixture
def unstarted(make_cluster):
    made = Scene(make_cluster(n_workers=2, start=False))
    yield made
    made.fakes.stop()


@pytest.fixture
def scene(unstarted):
    return unstarted.start()


def noise(n_pieces, seed=7):
    """Megabytes that are no JSON: control does not look."""
    generator = random.Random(seed)
    for _ in range(n_pieces):
        yield generator.randbytes(MEGABYTE)


def takes_connections(node):
    try:
        socket.create_connection(("127.0.0.1", node.port)).close()
        return True
    except ConnectionRefusedError:
        return False


def ended(client):
    """How a connection ends: what came last, or the error."""
    last = b""
    while True:
        try:
            data = client.recv(1 << 16)
        except ConnectionResetError as error:
            return error
        if not data:
            return last
        last = (last + data)[-16:]


def test_a_long_answer_passes_unread_and_is_not_kept(scene):
    memory_before = peak_of(scene.control)
    scene.one.reads = [Pieces(noise(200))]
    connection = http.client.HTTPConnection("127.0.0.1", scene.control.port, timeout=60)
    connection.request("GET", "/metrics/a", headers={"Authorization": f"Bearer {scene.daemons.token}",
                                                     "X-Request-Id": "long-1"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"] == "long-1"
    assert answer.headers["Content-Length"] is None
    for piece in noise(200):
        assert answer.read(len(piece)) == piece
    assert answer.read() == b""
    assert peak_of(scene.control) - memory_before < slack_of(scene.control, SLACK_BYTES)
    # And the connection is as good as new.
    connection.request("GET", "/metrics/a", headers={"Authorization": f"Bearer {scene.daemons.token}"})
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("n_bytes", [0, 1, WHOLE_BYTES, WHOLE_BYTES + 1])
def test_a_short_answer_has_a_length(scene, n_bytes):
    body = bytes(random.Random(n_bytes).randbytes(n_bytes))
    scene.one.reads = [Pieces([body[at:at + 999] for at in range(0, n_bytes, 999)])]
    answer = scene.read()
    assert answer.body == body
    assert (answer.headers["Content-Length"] is None) == (n_bytes > WHOLE_BYTES)


@pytest.mark.parametrize("n_bytes", [WHOLE_BYTES + 1, 5 * MEGABYTE])
def test_a_worker_that_is_lost_in_the_middle(scene, n_bytes):
    scene.one.reads = [Pieces([bytes(n_bytes)], is_whole=False)]
    with pytest.raises(LOST):
        scene.read()
    # Without chunks, the end of the connection would be the end of the answer.
    scene.one.reads = [Pieces([bytes(n_bytes)], is_whole=False)]
    with scene.open("HTTP/1.0") as client:
        assert isinstance(ended(client), ConnectionResetError)
    assert b"broke off" in scene.daemons.logs()


def test_what_is_lost_before_anything_was_passed_on_is_asked_again(scene):
    scene.one.reads = [Pieces([b"x" * 1000], is_whole=False), DIE, refusal(421, "not_leader"), (200, {"values": [5]})]
    assert check_json(scene.read()) == {"values": [5]}
    assert scene.one.n_reads == 4


def test_a_worker_that_falls_silent_in_the_middle(scene):
    silence = threading.Event()

    def pieces():
        yield bytes(5 * MEGABYTE)
        silence.wait(60)
    scene.one.reads = [Pieces(pieces(), is_whole=False)]
    with pytest.raises(LOST):
        scene.read()
    silence.set()


def test_a_client_that_does_not_read_stops_the_worker_and_nobody_else(scene):
    long = Pieces(noise(500))
    scene.one.reads = [long]
    memory_before = peak_of(scene.control)
    with scene.open() as client:
        looks = []

        def is_stuck():
            looks.append(long.n_sent)
            return looks[-1] > 0 and looks[-50:].count(looks[-1]) == 50
        wait_until(is_stuck, 30, "the worker to wait")
        assert long.n_sent < SLACK_BYTES
        assert peak_of(scene.control) - memory_before < slack_of(scene.control, SLACK_BYTES)
        assert scene.control.ask("/livez").status == 200
        assert check_json(scene.read()) == {"values": [1]}
        assert not long.is_lost
    wait_until(lambda: long.is_lost, 10, "the worker to be let go")


def test_readers_beyond_the_budget_are_refused(unstarted):
    """One has room, however little that is."""
    scene = unstarted.start(max_answers_bytes=65536)
    long, refused = Pieces(noise(500)), Pieces(noise(500))
    scene.one.reads = [long, refused, (200, {"values": [5]}), Pieces([bytes(MEGABYTE)])]
    with scene.open() as client:
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        check_error(scene.read(), 503, "overloaded")
        wait_until(lambda: refused.is_lost, 10, "the worker to be let go")
        assert check_json(scene.read()) == {"values": [5]}
    wait_until(lambda: long.is_lost, 10, "the room to be free")
    assert scene.read().body == bytes(MEGABYTE)


def test_control_ends_with_an_answer_that_is_read(scene):
    """Within its drain time an answer may come to its end."""
    begun = threading.Event()

    def pieces():
        yield bytes(MEGABYTE)
        begun.wait(30)
        yield bytes(MEGABYTE)
    scene.one.reads = [Pieces(pieces())]
    with scene.open() as client:
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        scene.control.signal(signal.SIGTERM)
        wait_until(lambda: not takes_connections(scene.control), 10, "control to drain")
        begun.set()
        assert ended(client).endswith(b"0\r\n\r\n")
    scene.control.wait_gone()


def test_control_cuts_what_is_not_read_when_it_ends(scene):
    scene.one.reads = [Pieces(noise(500)), Pieces(noise(500))]
    with scene.open() as client, scene.open("HTTP/1.0") as old:
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        assert old.recv(100).startswith(b"HTTP/1.1 200")
        scene.control.signal(signal.SIGTERM)
        scene.control.wait_gone(10)
        assert isinstance(ended(client), ConnectionResetError)
        assert isinstance(ended(old), ConnectionResetError)
