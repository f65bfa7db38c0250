"""Messages whose framing lies, is ambiguous or is none: refused, never acted upon, and what hides
behind them is never taken for a request of its own."""
import pytest

from lib.client import path_of
from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, request_bytes

BODY = b'{"metric_name": "victim", "value": 1}'
LENGTH = f"Content-Length: {len(BODY)}"
START = "POST /metrics HTTP/1.1"
HOST = "Host: localhost"
AUTH = f"Authorization: Bearer {TOKEN}"
HIDDEN = request_bytes("POST", "/metrics", [bearer(TOKEN)], BODY)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def message(*lines, body=BODY):
    return b"\r\n".join(line.encode("latin-1") for line in lines) + b"\r\n\r\n" + body


def with_lines(*lines, body=BODY):
    return message(START, HOST, AUTH, *lines, body=body)


def with_length(text):
    return with_lines(f"Content-Length: {text}")


def chunked(body):
    return with_lines("Transfer-Encoding: chunked", body=body)


REFUSED = {
    "space before the colon": with_lines(f"Content-Length : {len(BODY)}"),
    "tab before the colon": with_lines(f"Content-Length\t: {len(BODY)}"),
    "line that starts with a colon": with_lines(": x", LENGTH),
    "folded name": with_lines("X-Fol\r\n ded: a", LENGTH),
    "folded first line": message(START, " X-A: b", HOST, AUTH, LENGTH),
    "no colon": with_lines("Nonsense", LENGTH),
    "space in a name": with_lines("X Y: z", LENGTH),
    "NUL in a name": with_lines("X\0A: b", LENGTH),
    "two lengths that differ": with_lines(LENGTH, f"Content-Length: {len(BODY) + 5}"),
    "two lengths, the longer first": with_lines(f"Content-Length: {len(BODY) + 5}", LENGTH),
    "list of lengths": with_length(f"{len(BODY)}, {len(BODY) + 1}"),
    "negative length": with_length(f"-{len(BODY)}"),
    "length with a plus": with_length(f"+{len(BODY)}"),
    "length in hex": with_length(f"0x{len(BODY):x}"),
    "length with letters": with_length(f"{len(BODY)}x"),
    "length of nothing": with_length(""),
    "two numbers": with_length(f"{len(BODY)} 0"),
    "length past 64 bits": with_length("18446744073709551653"),
    "length of many digits": with_length("9" * 400),
    "length and chunks": with_lines(LENGTH, "Transfer-Encoding: chunked", body=CHUNKS),
    "chunks and length": with_lines("Transfer-Encoding: chunked", LENGTH, body=CHUNKS),
    "length and chunks, other case": with_lines(LENGTH, "transfer-encoding: CHUNKED", body=CHUNKS),
    "unknown coding": with_lines("Transfer-Encoding: xchunked", LENGTH),
    "chunked twice": with_lines("Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "chunked not last": with_lines("Transfer-Encoding: chunked, identity", LENGTH),
    "two codings": with_lines("Transfer-Encoding: chunked", "Transfer-Encoding: identity", LENGTH),
    "chunk size of letters": chunked(b"zz\r\n" + CHUNKS),
    "empty chunk size": chunked(b"\r\n" + CHUNKS),
    "negative chunk size": chunked(b"-5\r\n" + CHUNKS),
    "chunk size past 64 bits": chunked(b"10000000000000025\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk longer than its size": chunked(b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "two hosts": message(START, HOST, "Host: other", AUTH, LENGTH),
    "no host": message(START, AUTH, LENGTH),
    "method that is no token": message("PO(ST /metrics HTTP/1.1", HOST, AUTH, LENGTH),
    "no version": message("POST /metrics", HOST, AUTH, LENGTH),
    "version of letters": message("POST /metrics HTTP/x.y", HOST, AUTH, LENGTH),
    "other protocol": message("POST /metrics HTTQ/1.1", HOST, AUTH, LENGTH),
    "no target": message("POST HTTP/1.1", HOST, AUTH, LENGTH),
    "space in the target": message("POST /met rics HTTP/1.1", HOST, AUTH, LENGTH),
    "relative target": message("POST metrics HTTP/1.1", HOST, AUTH, LENGTH),
    "only spaces": b"   \r\n\r\n",
    "only colons": b":\r\n:\r\n\r\n",
    "binary": bytes(range(256)) * 8 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(20),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
}


# The client ends its side in the midst of a request.
CUT_OFF = {
    "body cut": with_lines(LENGTH, body=BODY[:-1]),
    "body missing": with_lines("Content-Length: 1000"),
    "chunk cut": chunked(b"%x\r\n%s" % (len(BODY), BODY)),
    "last chunk missing": chunked(b"%x\r\n%s\r\n" % (len(BODY), BODY)),
    "headers cut": with_lines(LENGTH)[:60],
    "line cut": START.encode(),
    "one byte": b"P",
    "line end": b"\r\n",
}
# After a message whose end is unclear, no byte is taken for the start of another: RFC 9112
# section 6.3 wants the connection closed.
HIDING = {f"behind {name}": data + HIDDEN for name, data in REFUSED.items()
          if any(word in name for word in ("length", "chunk", "cod", "colon", "fold"))}
# Taken or refused, as the library does; what it cannot show us, such as what a NUL cuts off, we
# cannot refuse.
ODD = {
    "folded value": (with_lines("X-Folded: a\r\n b", LENGTH), {200, 400}),
    "NUL in a value": (with_lines("X-A: b\0c", LENGTH), {200, 400}),
    "NUL in the target": (message("POST /metrics\0 HTTP/1.1", HOST, AUTH, LENGTH), {200, 400}),
    "NUL in the method": (message("POST\0 /metrics HTTP/1.1", HOST, AUTH, LENGTH), {200, 400}),
    "NUL in the token": (message(START, HOST, AUTH + "\0", LENGTH), {200, 400, 401}),
    "empty lines first": (b"\r\n\r\n" + request_bytes("GET", "/livez"), {200, 400}),
    "lines without CR": (request_bytes("GET", "/livez").replace(b"\r\n", b"\n"), {200, 400}),
    "lower case": (request_bytes("get", "/livez"), {400, 405}),
    "absolute form": (request_bytes("GET", "http://localhost/livez"), {200, 400, 401, 404}),
    "connect": (request_bytes("CONNECT", "localhost:80", [bearer(TOKEN)]), {400, 404, 405}),
    "options": (request_bytes("OPTIONS", "*", [bearer(TOKEN)]), {200, 400, 404, 405}),
    "trace": (request_bytes("TRACE", "/health", [bearer(TOKEN)]), {405}),
    "upgrade": (request_bytes("GET", "/livez", [("Upgrade", "h2c"), ("Connection", "Upgrade")]), {200}),
    "close and keep-alive": (request_bytes("GET", "/livez", [("Connection", "close, keep-alive")]), {200, 400}),
    "empty value": (request_bytes("GET", "/livez", [("X-Empty", "")]), {200}),
    "high bytes": (request_bytes("GET", "/livez", [("X-High", "\xff\xfe")]), {200, 400}),
    "ranges": (request_bytes("GET", "/livez", [("Range", "bytes=0-"), ("If-None-Match", "*")]), {200}),
    "long method": (request_bytes("M" * 3000, "/livez"), {400, 401, 405, 414, 431, 501}),
}
ALL = {**REFUSED, **CUT_OFF, **HIDING, **{name: data for name, (data, _) in ODD.items()}}


class Outcomes:
    """What each message led to, on each daemon."""

    def __init__(self, shared):
        self._nodes = shared.nodes
        # A name of their own for each message tells whose value was recorded.
        self._names = {what: b"vic%03d" % i for i, what in enumerate(ALL)}
        open_ones = {(what, node.name): self._send(node, what) for node in self._nodes for what in ALL}
        first = {key: self._first_answer(connection) for key, connection in open_ones.items()}
        # What stands behind was handled before this, which goes by way of every worker.
        client = shared.client()
        listed = client.get("/metrics?format=json&limit=10000").json()["metrics"]
        self._recorded = {row["metric_name"].encode() for row in listed}
        self._statuses = {key: [answer.status for answer in first[key] + connection.available_answers()]
                          for key, connection in open_ones.items()}
        for connection in open_ones.values():
            connection.close()
        for name in self._recorded & set(self._names.values()):
            client.delete(path_of(name.decode()))

    def statuses(self, what):
        return {node.name: self._statuses[what, node.name] for node in self._nodes}

    def is_recorded(self, what):
        return self._names[what] in self._recorded

    def _send(self, node, what):
        connection = RawConnection(node.port)
        connection.try_send(ALL[what].replace(b"victim", self._names[what]))
        if what in CUT_OFF:
            connection.half_close()
        return connection

    def _first_answer(self, connection):
        """None where it closes instead, which it must when the request's time is over."""
        try:
            return [connection.final_answer()]
        except Closed:
            return []


@pytest.fixture(scope="module")
def outcomes(shared):
    """All messages to all daemons side by side: some take their 10 s."""
    return Outcomes(shared)


@pytest.mark.parametrize("what", REFUSED)
def test_refused(outcomes, what):
    for statuses in outcomes.statuses(what).values():
        assert len(statuses) <= 2 and set(statuses) <= {400, 401, 404, 405, 408, 411, 413, 501, 505}, statuses
    assert not outcomes.is_recorded(what)


@pytest.mark.parametrize("what", HIDING)
def test_nothing_hides_behind_a_refused_message(outcomes, what):
    for statuses in outcomes.statuses(what).values():
        assert 200 not in statuses, statuses
    assert not outcomes.is_recorded(what)


@pytest.mark.parametrize("what", CUT_OFF)
def test_cut_off(outcomes, what):
    for statuses in outcomes.statuses(what).values():
        assert set(statuses) <= {400, 408}, statuses
    assert not outcomes.is_recorded(what)


@pytest.mark.parametrize("what", ODD)
def test_odd_but_answered(outcomes, what):
    for statuses in outcomes.statuses(what).values():
        assert set(statuses) <= ODD[what][1] | {421}, statuses
