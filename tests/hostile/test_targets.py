"""Paths and queries that try to be something else, and sizes past every limit."""
import pytest

from lib.checks import check_error
from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, exchange, request_bytes

GOOD = bearer(TOKEN)
BAD_ESCAPES = ["%", "%2", "%zz", "%g1", "%1g", "%00", "a%00", "%2%35", "%%41", "%c0%80", "%c0%af", "%c1%81",
               "%e0%80%af",
               "%f0%80%80%af", "%ed%a0%80", "%ed%bf%bf", "%f4%90%80%80", "%f8%88%80%80%80", "%ff", "%80", "a%c3",
               "%u0041"]


@pytest.mark.parametrize("escape", BAD_ESCAPES)
def test_bad_escapes(shared, escape):
    for node in shared.nodes:
        for target in (f"/metrics/{escape}", f"/metrics/x{escape}/aggregate", f"/metrics/x?label=a:{escape}",
                       f"/metrics/x?{escape}=1", f"/metrics?format=json&prefix={escape}"):
            check_error(exchange(node.port, request_bytes("GET", target, [GOOD])), 400)
        check_error(exchange(node.port, request_bytes("DELETE", f"/metrics/{escape}", [GOOD])), 400)


@pytest.mark.parametrize("target", [
    "/metrics/..%2f..%2fetc%2fpasswd", "/metrics/../status", "/metrics/./x", "/../../../etc/passwd",
    "/metrics/%2e%2e/status",
    "/metrics/%2F", "/metrics/a%2Fb%2F..", "/metrics/;x", "/metrics/x;y=z", "/metrics/x%3Flimit=1",
    "/metrics/x%23", "/metrics/$(id)",
    "/metrics/x'or'1'='1", "/metrics/%0d%0aX-Injected:%201", "/metrics/x%20HTTP/1.1", "/metrics/x%0A",
    "/metrics/x?label=%0d%0a:x",
    "/metrics/\xe4", "/metrics/\xff", "/metrics/x#fragment", "/metrics/x\\y"])
def test_tricks(shared, target):
    for node in shared.nodes:
        answer = exchange(node.port, request_bytes("GET", target, [GOOD]))
        assert answer is None or answer.status in (400, 404, 421, 422), answer
        assert answer is None or "x-injected" not in answer.headers


@pytest.mark.parametrize("make", [
    lambda: request_bytes("GET", "/metrics/" + "a" * 10_000, [GOOD]),
    lambda: request_bytes("GET", "/metrics/x?" + "a" * 1_000_000, [GOOD]),
    lambda: request_bytes("GET", "/health", [GOOD, ("X-Big", "a" * 100_000)]),
    lambda: request_bytes("GET", "/health", [GOOD, ("X" * 100_000, "a")]),
    lambda: request_bytes("GET", "/health", [GOOD] + [(f"X-{i}", "a" * 200) for i in range(1000)]),
    lambda: request_bytes("GET", "/health", [bearer("t" * 15_000)]),
    lambda: request_bytes("GET", "/health", [bearer("t" * 500_000)]),
    lambda: b"G" * 1_000_000,
    lambda: b"GET /" + b"a" * 1_000_000,
    lambda: b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000,
], ids=["target", "query", "value", "name", "fields", "token", "huge token", "method", "endless target",
        "endless headers"])
def test_sizes(shared, make):
    for node in shared.nodes:
        answer = exchange_or_closed(node.port, make())
        assert answer is None or answer.status in (400, 401, 413, 414, 431), answer


def exchange_or_closed(port, data):
    """As exchange; the client stops sending when the daemon has had enough."""
    with RawConnection(port) as connection:
        connection.try_send(data)
        try:
            connection.half_close()
            return connection.final_answer()
        except (Closed, OSError):
            return None


@pytest.mark.parametrize("n", [129, 1000, 2000])
def test_many_parameters(shared, n):
    query = "&".join(f"a{i}=" for i in range(n))[:8000]
    check_error(exchange(shared.control.port, request_bytes("GET", "/metrics/x?" + query, [GOOD])), 400)


@pytest.mark.parametrize("n", [33, 1000])
def test_many_filters(shared, n):
    query = "&".join(f"label=a{i}:b" for i in range(n))[:8000]
    answer = exchange(shared.control.port, request_bytes("GET", "/metrics/x?" + query, [GOOD]))
    assert answer.status in (400, 404), answer


@pytest.mark.parametrize("field", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer\t" + TOKEN + "x", "Basic dXNlcjpwdw==", TOKEN,
                                   "Bearer " + TOKEN[:-1],
                                   "Bearer " + TOKEN + "x", "Bearer " + TOKEN + " x",
                                   "Bearer " + TOKEN + "," + TOKEN,
                                   "Bearer " + TOKEN.upper(), "Bearer  \x01" + TOKEN, "Cluster " + TOKEN])
def test_tokens_that_are_not(shared, field, value):
    for node in shared.nodes:
        answer = exchange(node.port, request_bytes("GET", "/health", [(field, value)]))
        assert answer is None or answer.status in (400, 401), answer


def test_two_tokens(shared):
    """A front that reads the other field must not be fooled."""
    for first, second in ((GOOD, bearer("wrong")), (bearer("wrong"), GOOD)):
        answer = exchange(shared.control.port, request_bytes("GET", "/health", [first, second]))
        assert answer is None or answer.status in (200, 400, 401), answer
    answer = exchange(shared.control.port, request_bytes("GET", "/health", [bearer("wrong"), GOOD]))
    assert answer is None or answer.status in (400, 401), answer
