"""HTTP itself: connections, bodies in their forms, HEAD, versions."""
import gzip
import json
import zlib

import pytest

from lib.checks import check_error, check_json, header
from lib.client import item, path_of
from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, exchange, request_bytes

GOOD = bearer(TOKEN)
JSON_TYPE = ("Content-Type", "application/json")


def body_of(name, value=1):
    return json.dumps(item(name, value)).encode()


def chunked(body, size):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def post(shared, headers, body, **options):
    return exchange(shared.control.port, request_bytes("POST", "/metrics", [GOOD, *headers], body, **options))


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8",
                                          "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
                                          "Application/JSON", "application/x-www-form-urlencoded", None])
def test_content_types_that_are_taken(shared, api, name, content_type):
    headers = [] if content_type is None else [("Content-Type", content_type)]
    assert post(shared, headers, body_of(name)).status == 200
    assert api.values(name)["values"] == [1]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1",
                                          "application/jsonp", "application", "multipart/form-data; boundary=x"])
def test_content_types_that_are_not(shared, api, name, content_type):
    check_error(post(shared, [("Content-Type", content_type)], body_of(name)), 415)
    check_error(api.get(path_of(name)), 404, "unknown_metric")


def test_gzip(shared, api, name):
    answer = post(shared, [JSON_TYPE, ("Content-Encoding", "gzip")], gzip.compress(body_of(name)))
    check_json(answer)
    assert api.values(name)["values"] == [1]


def test_gzip_of_two_members(shared, name):
    body = body_of(name)
    packed = gzip.compress(body[:10]) + gzip.compress(body[10:])
    check_json(post(shared, [JSON_TYPE, ("Content-Encoding", "gzip")], packed))


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "x"])
def test_other_encodings(shared, name, encoding):
    check_error(post(shared, [JSON_TYPE, ("Content-Encoding", encoding)], gzip.compress(body_of(name))), 415)


def test_identity_is_no_encoding(shared, name):
    check_json(post(shared, [JSON_TYPE, ("Content-Encoding", "identity")], body_of(name)))


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: packed[:-1],
                                    lambda packed: packed[:5],
                                    lambda packed: b"", lambda packed: b"plain", lambda packed: packed + b"rest",
                                    lambda packed: packed[:20] + bytes([packed[20] ^ 0xff]) + packed[21:],
                                    lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:]],
                         ids=["no trailer", "cut", "header only", "empty", "plain", "more behind", "flipped",
                              "wrong crc"])
def test_damaged_gzip(shared, api, name, damage):
    body = damage(gzip.compress(body_of(name), mtime=0))
    check_error(post(shared, [JSON_TYPE, ("Content-Encoding", "gzip")], body), 400)
    check_error(api.get(path_of(name)), 404, "unknown_metric")


def test_zlib_is_not_gzip(shared, name):
    check_error(post(shared, [JSON_TYPE, ("Content-Encoding", "gzip")], zlib.compress(body_of(name))), 400)


def test_a_gzip_bomb(shared):
    """100 MB of space in 100 kB: refused as too large, long before it is unpacked."""
    bomb = gzip.compress(b" " * 100_000_000)
    assert len(bomb) < 256 * 1024
    check_error(post(shared, [JSON_TYPE, ("Content-Encoding", "gzip")], bomb), 413)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunks(shared, api, name, size):
    answer = post(shared, [JSON_TYPE, ("Transfer-Encoding", "chunked")], chunked(body_of(name), size))
    check_json(answer)
    assert api.values(name)["values"] == [1]


def test_chunked_gzip(shared, name):
    packed = gzip.compress(body_of(name))
    headers = [JSON_TYPE, ("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")]
    check_json(post(shared, headers, chunked(packed, 5)))


def test_chunks_past_the_limit(shared):
    answer = post(shared, [JSON_TYPE, ("Transfer-Encoding", "chunked")], chunked(b" " * 300_000, 10_000))
    check_error(answer, 413)


def test_expect_continue(shared, name):
    body = body_of(name)
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("POST", "/metrics", [GOOD, ("Expect", "100-continue"),
                                                           ("Content-Length", str(len(body)))]))
        assert connection.read_answer().status == 100
        connection.send(body)
        check_json(connection.read_answer())


def test_expect_continue_for_what_will_be_refused(shared):
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("POST", "/metrics", [bearer("wrong"), ("Expect", "100-continue"),
                                                           ("Content-Length", "10")]))
        answer = connection.read_answer()
        if answer.status == 100:
            connection.send(b"0123456789")
            answer = connection.read_answer()
        check_error(answer, 401)


@pytest.mark.parametrize("target", ["/health", "/livez", "/readyz", "/status", "/metrics?format=json",
                                    "/metrics/{name}",
                                    "/metrics/{name}/aggregate", "/metrics/nobody", "/metrics/{name}?limit=x",
                                    "/metrics/{name}/series", "/nowhere"])
def test_head_is_get_without_a_body(shared, api, name, target):
    api.record(name, 1, 1732568363376)
    target = target.format(name=name)
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("GET", target, [GOOD]))
        got = connection.read_answer()
        connection.send(request_bytes("HEAD", target, [GOOD]))
        head = connection.read_answer("HEAD")
        # Bytes of a body would stand in front of the next answer.
        connection.send(request_bytes("GET", "/livez", []))
        assert connection.read_answer().status == 200
    assert head.status == got.status
    assert head.headers.get("content-type") == got.headers.get("content-type")
    assert "content-length" in head.headers
    if "/status" not in target:
        assert head.headers["content-length"] == got.headers["content-length"]


def test_a_connection_is_kept(shared, name):
    with RawConnection(shared.control.port) as connection:
        for number in range(50):
            connection.send(request_bytes("POST", "/metrics", [GOOD], body_of(name, number)))
            check_json(connection.read_answer())


def test_a_connection_is_kept_after_errors(shared, name):
    with RawConnection(shared.control.port) as connection:
        for method, target, headers, body, status in [
                ("GET", "/nowhere", [GOOD], None, 404), ("GET", "/health", [], None, 401),
                ("PUT", "/metrics", [GOOD], b"x", 405),
                ("POST", "/metrics", [GOOD], b"{", 400), ("POST", "/metrics", [GOOD, ("Content-Type", "a/b")],
                                                          b"x", 415),
                ("POST", "/metrics", [GOOD], b"{}", 422), ("POST", "/metrics", [GOOD], body_of(name), 200)]:
            connection.send(request_bytes(method, target, headers, body))
            assert connection.read_answer().status == status


def test_connection_close(shared):
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("GET", "/health", [GOOD, ("Connection", "close")]))
        answer = connection.read_answer()
        assert answer.status == 200 and answer.headers["connection"].lower() == "close"
        assert connection.wait_closed(5) == b""


def test_pipelining(shared, api, name):
    """Answers come in the order of the requests, writes and reads mixed."""
    requests = b""
    for number in range(20):
        requests += request_bytes("POST", "/metrics", [GOOD], body_of(name, number))
        requests += request_bytes("GET", path_of(name) + "/aggregate?agg=count", [GOOD])
        requests += request_bytes("GET", "/nowhere", [GOOD])
    with RawConnection(shared.control.port) as connection:
        connection.send(requests)
        for number in range(20):
            check_json(connection.read_answer())
            assert check_json(connection.read_answer())["count"] == number + 1
            check_error(connection.read_answer(), 404)


def test_a_request_byte_by_byte(shared, name):
    with RawConnection(shared.control.port) as connection:
        for byte in request_bytes("POST", "/metrics", [GOOD, JSON_TYPE], body_of(name)):
            connection.send(bytes([byte]))
        check_json(connection.read_answer())


def test_half_closed_clients_do_no_harm(shared, name):
    """As nc -N does. libmicrohttpd takes the end of the client's side for the end of the connection when
    it sees it before the answer is out: the client then gets no answer, which promises him nothing."""
    n_answers = 0
    for number in range(100):
        with RawConnection(shared.control.port) as connection:
            connection.send(request_bytes("POST", "/metrics", [GOOD], body_of(name, number)))
            connection.half_close()
            try:
                check_json(connection.read_answer())
                n_answers += 1
            except Closed:
                pass
    shared.client().record(name, 100)
    assert n_answers + 1 <= len(shared.client().values(name)["values"]) <= 101


def test_http_1_0(shared, name):
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("POST", "/metrics", [GOOD], body_of(name), version="HTTP/1.0", host=None))
        check_json(connection.read_answer())
        assert connection.wait_closed(5) == b""


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9"])
def test_other_versions(shared, version):
    """Framing: libmicrohttpd's own answer, which is no JSON."""
    answer = exchange(shared.control.port, request_bytes("GET", "/health", [GOOD], version=version))
    assert answer.status == 505


def test_a_higher_minor_version_is_ours(shared):
    """RFC 9110 section 2.5: answered as the highest minor version that is known."""
    assert exchange(shared.control.port, request_bytes("GET", "/health", [GOOD], version="HTTP/1.2")).status == 200


def test_request_ids_are_echoed(api):
    assert header(api.get("/health", headers={"X-Request-Id": "abc-123"}), "X-Request-Id") == "abc-123"
    assert header(api.get("/nowhere", headers={"X-Request-Id": "abc-124"}), "X-Request-Id") == "abc-124"


def test_request_ids_are_made(api):
    made = [header(api.get("/health"), "X-Request-Id") for _ in range(3)]
    assert all(made) and len(set(made)) == 3


def test_request_ids_cannot_forge(shared):
    """Neither a header nor a line of the log."""
    answer = exchange(shared.control.port,
                      request_bytes("GET", "/health", [GOOD, ("X-Request-Id", 'a" level=error msg="forged')]))
    assert answer.status in (200, 400)
    answer = exchange(shared.control.port, request_bytes("GET", "/health", [GOOD, ("X-Request-Id", "x" * 5000)]))
    assert answer.status in (200, 400) and len(answer.headers.get("x-request-id", "")) <= 5000
    for line in shared.logs().splitlines():
        assert not line.startswith(b"level=error msg=\"forged"), line


def test_a_body_of_a_get_is_dropped(shared):
    with RawConnection(shared.control.port) as connection:
        connection.send(request_bytes("GET", "/health", [GOOD], b"x" * 100))
        assert connection.read_answer().status in (200, 400, 413)
