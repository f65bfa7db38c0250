"""The links themselves: a fault that is not one would prove nothing."""
import socket
import threading

import pytest

from rig.links import CUT, HOLD, NO_ANSWERS, NO_REQUESTS, Links


class Echo:
    """Answers every connection with what it is sent."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            while data := sock.recv(1000):
                self.heard += data
                sock.sendall(data)
        except OSError:
            pass
        sock.close()


@pytest.fixture
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def links(echo):
    made = Links({1: (echo.port, echo.port), 2: (echo.port, echo.port)})
    yield made
    made.stop()


def dial(links, sender=1, receiver=2, timeout=10):
    return socket.create_connection(("127.0.0.1", links.address(sender, receiver)[1]), timeout=timeout)


def is_answered(sock, data):
    sock.sendall(data)
    return sock.recv(1000) == data


def is_silent(sock):
    sock.settimeout(0.2)
    try:
        return sock.recv(1000) is None
    except TimeoutError:
        return True
    finally:
        sock.settimeout(10)


def test_an_open_link_passes_bytes_and_ends(links):
    with dial(links) as sock:
        assert is_answered(sock, b"a")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1000) == b""


def test_a_cut_link_resets_what_is_open_and_what_is_tried(links):
    with dial(links) as sock:
        assert is_answered(sock, b"a")
        links.set([(1, 2)], CUT)
        with pytest.raises(ConnectionResetError):
            sock.recv(1000)
    with pytest.raises(ConnectionResetError):
        with dial(links) as sock:
            sock.sendall(b"a")
            sock.recv(1000)
    links.heal()
    with dial(links) as sock:
        assert is_answered(sock, b"b")


def test_only_the_link_that_is_meant(links):
    links.set([(1, 2)], CUT)
    with dial(links, 2, 1) as sock:
        assert is_answered(sock, b"a")


def test_held_bytes_arrive_when_the_link_is_healed(links, echo):
    with dial(links) as sock:
        assert is_answered(sock, b"a")
        for mode in (HOLD, NO_REQUESTS):
            heard = echo.heard
            links.set([(1, 2)], mode)
            sock.sendall(b"b")
            assert is_silent(sock) and echo.heard == heard
            links.heal()
            assert sock.recv(1000) == b"b"


def test_held_answers_follow_requests_that_arrived(links, echo):
    with dial(links) as sock:
        assert is_answered(sock, b"a")
        links.set([(1, 2)], NO_ANSWERS)
        sock.sendall(b"b")
        assert is_silent(sock) and echo.heard == b"ab"
        links.heal()
        assert sock.recv(1000) == b"b"


def test_kinds_are_told_apart(links):
    links.set([(1, 2)], CUT, kinds=["http"])
    with dial(links) as sock:  # the peer port
        assert is_answered(sock, b"a")
    assert links.address(0, 2)[1] is None
