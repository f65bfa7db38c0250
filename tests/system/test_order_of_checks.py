"""Which check answers first, for each pair of neighbours in the contract's order and some that are
far apart: framing 400, 431, 414 - 505 - 401 - 404, 405 - 403 - 415 - 411, 413 - 400 - 422."""
import json

import pytest

from lib.checks import allowed_methods, check_error
from lib.cluster import TOKEN
from lib.raw import bearer, exchange, request_bytes

JSON_TYPE = ("Content-Type", "application/json")
IMAGE = ("Content-Type", "image/png")
GOOD = bearer(TOKEN)
BAD = bearer("wrong")
HUGE_TARGET = "/metrics/" + "a" * 9000
MANY_HEADERS = [(f"X-{i}", "1") for i in range(70)]
TOO_LARGE = b'{"metric_name": "order", "value": 1, "x": "' + b"a" * 300_000 + b'"}'
ITEM = json.dumps({"metric_name": "order.of.checks", "value": 1}).encode()

CASES = {
    "headers before target": (431, "GET", HUGE_TARGET, [GOOD, *MANY_HEADERS], None, {}),
    "target before token": (414, "GET", HUGE_TARGET, [], None, {}),
    "headers before token": (431, "GET", "/health", MANY_HEADERS, None, {}),
    "version before token": (505, "GET", "/health", [], None, {"version": "HTTP/2.0"}),
    "version before route": (505, "GET", "/no/such", [GOOD], None, {"version": "HTTP/2.0"}),
    "token before route": (401, "GET", "/no/such/route", [BAD], None, {}),
    "token before method": (401, "PATCH", "/metrics", [BAD], None, {}),
    "token before content type": (401, "POST", "/metrics", [BAD, IMAGE], b"x", {}),
    "token before length": (401, "POST", "/metrics", [BAD, JSON_TYPE], TOO_LARGE, {}),
    "token before syntax": (401, "POST", "/metrics", [BAD, JSON_TYPE], b"{", {}),
    "route before content type": (404, "POST", "/no/such/route", [GOOD, IMAGE], b"x", {}),
    "route before length": (404, "POST", "/no/such/route", [GOOD, JSON_TYPE], TOO_LARGE, {}),
    "method before content type": (405, "PUT", "/metrics", [GOOD, IMAGE], b"x", {}),
    "method before syntax": (405, "PUT", "/metrics", [GOOD, JSON_TYPE], b"{", {}),
    "content type before missing length": (415, "POST", "/metrics", [GOOD, IMAGE], None, {}),
    "content type before length": (415, "POST", "/metrics", [GOOD, IMAGE], TOO_LARGE, {}),
    "content type before syntax": (415, "POST", "/metrics", [GOOD, IMAGE], b"{", {}),
    "encoding before length": (415, "POST", "/metrics", [GOOD, JSON_TYPE, ("Content-Encoding", "br")], TOO_LARGE,
                               {}),
    "missing length": (411, "POST", "/metrics", [GOOD, JSON_TYPE], None, {}),
    "length before syntax": (413, "POST", "/metrics", [GOOD, JSON_TYPE], b"{" * 300_000, {}),
    "length before schema": (413, "POST", "/metrics", [GOOD, JSON_TYPE], TOO_LARGE, {}),
    "syntax before schema": (400, "POST", "/metrics", [GOOD, JSON_TYPE], b'{"nonsense": 1', {}),
    "schema": (422, "POST", "/metrics", [GOOD, JSON_TYPE], b'{"nonsense": 1}', {}),
}


def check_refused(answer, status):
    """A version is part of the framing, the only thing that may be refused without JSON."""
    if status == 505:
        assert answer.status == status, answer
    else:
        check_error(answer, status)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_first_failing_check_answers(shared, case):
    status, method, target, headers, body, options = case
    answer = exchange(shared.control.port, request_bytes(method, target, headers, body, **options))
    check_refused(answer, status)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_same_on_a_worker(shared, case):
    status, method, target, headers, body, options = case
    answer = exchange(shared.workers[0].port, request_bytes(method, target, headers, body, **options))
    check_refused(answer, status)


@pytest.mark.parametrize("target", ["/metrics", "/metrics/batch", "/metrics/x", "/metrics/x/aggregate", "/nowhere",
                                    "/", "/status", "/health"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "BREW"])
def test_a_stranger_learns_nothing_about_routes(shared, method, target):
    """The same body for every target and method."""
    answer = exchange(shared.control.port, request_bytes(method, target, [("Content-Length", "0")]))
    known = exchange(shared.control.port, request_bytes("GET", "/status"))
    assert answer.status == known.status == 401
    assert answer.body == known.body


ROUTES = {
    "/health": {"GET", "HEAD"},
    "/livez": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/status": {"GET", "HEAD"},
    "/status/metrics": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD", "POST"},
    "/metrics/batch": {"GET", "HEAD", "POST", "DELETE"},
    "/metrics/x": {"GET", "HEAD", "DELETE"},
    "/metrics/x/aggregate": {"GET", "HEAD"},
    "/metrics/x/series": {"GET", "HEAD"},
    "/metrics/x/histogram": {"GET", "HEAD"},
}


@pytest.mark.parametrize("target", ROUTES)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "BREW"])
def test_allow_names_the_methods(shared, method, target):
    answer = exchange(shared.control.port, request_bytes(method, target, [GOOD], b""))
    check_error(answer, 405)
    assert allowed_methods(answer) == ROUTES[target]


@pytest.mark.parametrize("target", ["/", "/nowhere", "/metrics/", "/metrics/a/b", "/metrics/a/aggregate/b",
                                    "/Metrics",
                                    "/health/", "//health", "/metrics//aggregate", "/status/x"])
def test_unknown_routes(shared, target):
    check_error(exchange(shared.control.port, request_bytes("GET", target, [GOOD])), 404)
