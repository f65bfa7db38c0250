"""Clients that take their time: a whole request comes within 10 s of its first byte, or the
connection ends."""
import threading
import time

from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, request_bytes

REQUEST_SECONDS = 10
# The reaper may look once a second, and the machine is busy.
SLACK_SECONDS = 4

WHOLE = request_bytes("POST", "/metrics", [bearer(TOKEN)], b'{"metric_name": "victim", "value": 1}')
HEADERS_ONLY = request_bytes("POST", "/metrics", [bearer(TOKEN), ("Content-Length", "1000")])
CHUNKED = request_bytes("POST", "/metrics", [bearer(TOKEN), ("Transfer-Encoding", "chunked")])
STRANGER = request_bytes("POST", "/metrics", [("Content-Length", "100000")])

# What is sent at once, and what then drips, a byte at a time.
DRIPS = {
    "request line": (b"", b"GET /" + b"a" * 1000),
    "headers": (b"GET /health HTTP/1.1\r\n", b"X-Slow: " + b"a" * 1000),
    "many headers": (b"GET /health HTTP/1.1\r\n", b"A: b\r\n" * 300),
    "body": (HEADERS_ONLY, b" " * 900),
    "chunks": (CHUNKED, b"1\r\n \r\n" * 300),
    "chunk size": (CHUNKED, b"0" * 900),
    "body of a stranger": (STRANGER, b" " * 900),
    "nothing more of the line": (b"GET /hea", b""),
    "nothing more of the headers": (WHOLE[:40], b""),
    "nothing more of the body": (WHOLE[:-5], b""),
    "body after an answer": (WHOLE.replace(b"victim", b"good.s") + HEADERS_ONLY, b" " * 900),
}


class Drip(threading.Thread):
    def __init__(self, port, at_once, slowly):
        super().__init__()
        self._connection = RawConnection(port)
        self._at_once = at_once
        self._slowly = slowly
        self.seconds = None  # until the daemon closed
        self.last = b""  # what it said

    def run(self):
        with self._connection as connection:
            began = time.monotonic()
            connection.try_send(self._at_once)
            for byte in self._slowly:
                if not connection.try_send(bytes([byte])):
                    break
                try:
                    # Also the pause between two bytes.
                    self.last = connection.wait_closed(0.2)
                    break
                except AssertionError:
                    if time.monotonic() - began > REQUEST_SECONDS + SLACK_SECONDS:
                        return
            else:
                try:
                    self.last = connection.wait_closed(REQUEST_SECONDS + SLACK_SECONDS)
                except AssertionError:
                    return
            self.seconds = time.monotonic() - began


def test_slow_requests_end(shared):
    """All of them side by side, on control and on a worker; meanwhile others are served."""
    drips = {}
    for node in (shared.control, shared.workers[0]):
        for what, (at_once, slowly) in DRIPS.items():
            drips[f"{what} on {node.name}"] = Drip(node.port, at_once, slowly)
    for drip in drips.values():
        drip.start()
    while any(drip.is_alive() for drip in drips.values()):
        assert shared.control.ask("/health").status == 200
        for drip in drips.values():
            drip.join(0.01)
    open_still = [what for what, drip in drips.items() if drip.seconds is None]
    assert not open_still, f"open after {REQUEST_SECONDS + SLACK_SECONDS} s: {open_still}"
    statuses = {what: drip.last[9:12] for what, drip in drips.items() if drip.last}
    assert set(statuses.values()) <= {b"200", b"400", b"401", b"404", b"408", b"413", b"414", b"421",
                                      b"431"}, statuses


def test_a_client_that_does_not_read(shared, api):
    """Many large answers are asked for and none is read; others are served, and memory is bounded."""
    for start in range(0, 40_000, 10_000):
        api.record_all([{"metric_name": "good.large", "value": i / 7} for i in range(start, start + 10_000)])
    ask = request_bytes("GET", "/metrics/good.large?limit=40000&timestamps=true", [bearer(TOKEN)])
    connections = [RawConnection(shared.control.port) for _ in range(20)]
    try:
        for connection in connections:
            connection.send(ask * 100)
        for _ in range(20):
            assert shared.control.ask("/health").status == 200
            api.record("good.meanwhile", 1)
        # 20 answers of some 2 MB and their buffers; nowhere near the 3.8 GB that were asked for.
        assert resident_bytes(shared.control.pid) < 1_000_000_000
    finally:
        for connection in connections:
            connection.reset()
    assert len(api.values("good.large", limit=40000)["values"]) == 40_000


def test_a_client_that_reads_slowly_gets_all(shared, api):
    api.record_all([{"metric_name": "good.slow.read", "value": i} for i in range(10_000)])
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("GET", "/metrics/good.slow.read", [bearer(TOKEN)]))
        assert connection.read_answer().json()["values"] == list(range(10_000))


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def test_half_a_request_then_gone(shared):
    for node in shared.nodes:
        for cut in range(1, len(WHOLE), 7):
            connection = RawConnection(node.port)
            try:
                connection.send(WHOLE[:cut])
                connection.reset() if cut % 2 else connection.close()
            except Closed:
                connection.close()
