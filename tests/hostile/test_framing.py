"""Messages whose framing lies, is ambiguous or is none: refused, never acted upon, and what hides
behind them is never taken for a request of its own."""
import pytest

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
    "folded value": with_lines("X-Folded: a\r\n b", LENGTH),
    "folded name": with_lines("X-Fol\r\n ded: a", LENGTH),
    "folded first line": message(START, " X-A: b", HOST, AUTH, LENGTH),
    "no colon": with_lines("Nonsense", LENGTH),
    "space in a name": with_lines("X Y: z", LENGTH),
    "NUL in a value": with_lines("X-A: b\0c", LENGTH),
    "NUL in a name": with_lines("X\0A: b", LENGTH),
    "NUL in the target": message("POST /metrics\0 HTTP/1.1", HOST, AUTH, LENGTH),
    "NUL in the method": message("POST\0 /metrics HTTP/1.1", HOST, AUTH, LENGTH),
    "NUL in the token": message(START, HOST, AUTH + "\0", LENGTH),
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


def answers_to(port, data):
    """Statuses of everything that the daemon answers to @data and a request behind it."""
    statuses = []
    with RawConnection(port) as connection:
        connection.try_send(data)
        try:
            connection.half_close()
        except OSError:
            pass  # closed by the daemon already, which is one way to refuse
        try:
            while True:
                answer = connection.read_answer()
                statuses.append(answer.status)
        except Closed:
            return statuses


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_refused(shared, data):
    """What is recorded by it is seen by the fixture."""
    for node in shared.nodes:
        statuses = answers_to(node.port, data)
        assert len(statuses) <= 2 and set(statuses) <= {400, 401, 404, 405, 408, 413, 501, 505}, statuses


@pytest.mark.parametrize("name", [name for name in REFUSED if "length" in name or "chunk" in name or "cod" in name
                                  or "colon" in name or "fold" in name])
def test_nothing_hides_behind_a_refused_message(shared, name):
    """After a message whose end is unclear, no byte is taken for the start of another."""
    data = REFUSED[name]
    for node in shared.nodes:
        statuses = answers_to(node.port, data + HIDDEN)
        assert 200 not in statuses, statuses


@pytest.mark.parametrize("data", [
    with_lines(LENGTH, body=BODY[:-1]), with_lines("Content-Length: 1000"),
    chunked(b"%x\r\n%s" % (len(BODY), BODY)),
    chunked(b"%x\r\n%s\r\n" % (len(BODY), BODY)), with_lines(LENGTH)[:60], START.encode(), b"P", b"\r\n",
], ids=["body cut", "body missing", "chunk cut", "last chunk missing", "headers cut", "line cut", "one byte",
        "line end"])
def test_cut_off(shared, data):
    """The client ends its side in the midst of a request."""
    for node in shared.nodes:
        assert set(answers_to(node.port, data)) <= {400}


@pytest.mark.parametrize("data, statuses", [
    (b"\r\n\r\n" + request_bytes("GET", "/livez"), {200, 400}),
    (request_bytes("GET", "/livez").replace(b"\r\n", b"\n"), {200, 400}),
    (request_bytes("get", "/livez"), {400, 405}),
    (request_bytes("GET", "http://localhost/livez"), {200, 400, 401, 404}),
    (request_bytes("CONNECT", "localhost:80", [bearer(TOKEN)]), {400, 404, 405}),
    (request_bytes("OPTIONS", "*", [bearer(TOKEN)]), {200, 400, 404, 405}),
    (request_bytes("TRACE", "/health", [bearer(TOKEN)]), {405}),
    (request_bytes("GET", "/livez", [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings")]), {200}),
    (request_bytes("GET", "/livez", [("Connection", "close, keep-alive")]), {200, 400}),
    (request_bytes("GET", "/livez", [("X-Empty", "")]), {200}),
    (request_bytes("GET", "/livez", [("X-High", "\xff\xfe")]), {200, 400}),
    (request_bytes("GET", "/livez", [("Range", "bytes=0-"), ("If-None-Match", "*")]), {200}),
    (request_bytes("M" * 3000, "/livez"), {400, 401, 405, 414, 431, 501}),
])
def test_odd_but_answered(shared, data, statuses):
    for node in shared.nodes:
        assert set(answers_to(node.port, data)) <= statuses
