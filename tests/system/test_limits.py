"""The limits of the contract: the last that passes, the first that does not."""
import gzip
import json

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.cluster import TOKEN
from lib.raw import bearer, exchange, request_bytes

SINGLE, BATCH = 256 * 1024, 4 * 1024 * 1024
TARGET, HEADERS, HEADER_BYTES = 8 * 1024, 64, 16 * 1024


def padded(body, size):
    """JSON of exactly @size bytes."""
    text = json.dumps(body).encode()
    return text + b" " * (size - len(text))


def check_not_recorded(api, name):
    check_error(api.get(path_of(name)), 404, "unknown_metric")


def test_single_body(api, name):
    check_error(api.post("/metrics", padded(item(name, 1), SINGLE + 1)), 413)
    check_not_recorded(api, name)
    check_json(api.post("/metrics", padded(item(name, 1), SINGLE)))


def test_batch_body(api, name):
    check_error(api.post("/metrics/batch", padded({"metrics": [item(name, 1)]}, BATCH + 1)), 413)
    check_not_recorded(api, name)
    check_json(api.post("/metrics/batch", padded({"metrics": [item(name, 1)]}, BATCH)))


def test_compressed_bodies_count_decompressed(api, name):
    gzipped = {"Content-Encoding": "gzip"}
    check_error(api.post("/metrics", gzip.compress(padded(item(name, 1), SINGLE + 1)), headers=gzipped), 413)
    check_not_recorded(api, name)
    check_json(api.post("/metrics", gzip.compress(padded(item(name, 1), SINGLE)), headers=gzipped))


def test_items_of_a_batch(api, name):
    answer = api.post("/metrics/batch", {"metrics": [item(name, 1)] * 10_001})
    assert answer.status in (413, 422), answer
    check_error(answer, answer.status, mentions="10")
    check_not_recorded(api, name)
    assert api.record_all([item(name, 1)] * 10_000)["recorded"] == 10_000


def test_target(shared):
    def ask(size):
        target = "/metrics/known?label=x:"
        target += "a" * (size - len(target))
        return exchange(shared.control.port, request_bytes("GET", target, [bearer(TOKEN)]))
    check_error(ask(TARGET + 1), 414)
    assert ask(TARGET).status in (200, 400, 404)


def test_number_of_headers(shared):
    def ask(number):
        # Host and Authorization are two of them.
        more = [(f"X-{i}", "1") for i in range(number - 2)]
        return exchange(shared.control.port, request_bytes("GET", "/health", [bearer(TOKEN), *more]))
    check_error(ask(HEADERS + 1), 431)
    assert ask(HEADERS).status == 200


def test_size_of_headers(shared):
    def ask(size):
        return exchange(shared.control.port, request_bytes("GET", "/health",
                                                           [bearer(TOKEN), ("X-Big", "a" * size)]))
    check_error(ask(HEADER_BYTES + 1), 431)
    assert ask(HEADER_BYTES - 1024).status == 200


@pytest.mark.parametrize("key, status", [("k" * 128, 200), ("k" * 129, 400), ("a b", 400), ("\u00e9", 400),
                                         ("", 400)])
def test_idempotency_key(shared, name, key, status):
    body = json.dumps(item(name, 1)).encode()
    answer = exchange(shared.control.port,
                      request_bytes("POST", "/metrics", [bearer(TOKEN), ("Idempotency-Key", key)], body))
    if status == 200:
        assert answer.status == 200
    else:
        assert answer.status in (400, 422)
        check_error(answer, answer.status, mentions="Idempotency-Key")


def test_a_refused_large_body_leaves_the_connection_usable(api, name):
    check_error(api.post("/metrics", b"x" * (SINGLE * 2)), 413)
    api.record(name, 1)
