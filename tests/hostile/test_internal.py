"""What the nodes say to each other is closed to everybody else."""
import json

import pytest

from lib.cluster import TOKEN
from lib.placement import DEFAULT_SHARDS
from lib.raw import bearer, exchange, request_bytes

PATHS = ["/internal/append", "/internal/append?shard=0", "/internal/cluster", "/internal/status",
         "/internal/metrics",
         "/internal/metrics/batch", "/internal/metrics/victim", "/internal/", "/internal", "/internal/health",
         "//internal/append",
         "/internal//append", "/%69nternal/append", "/internal%2Fappend", "/INTERNAL/append",
         "/metrics/../internal/append",
         "/append", "/cluster", "/internal/internal/append"]
BODY = b'{"metric_name": "victim", "value": 1}'


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_clients_have_no_business_there(shared, path, method):
    for node in shared.nodes:
        for headers in ([], [bearer(TOKEN)], [("Authorization", "Cluster " + TOKEN)],
                        [("Authorization", "Cluster ")],
                        [("Authorization", "Cluster")], [("Authorization", "Cluster x"), bearer(TOKEN)]):
            answer = exchange(node.port, request_bytes(method, path, headers, BODY if method == "POST" else None))
            assert answer.status in (400, 401, 403, 404, 405), answer


def test_the_secret_of_the_cluster_is_no_token(shared):
    config = json.loads(shared.workers[0].config.read_text())
    secret = config["cluster_secret"]
    assert secret != TOKEN and len(secret) >= 16
    for node in shared.nodes:
        for target in ("/health", "/status", "/internal/cluster"):
            assert exchange(node.port, request_bytes("GET", target, [bearer(secret)])).status == 401
        assert exchange(node.port, request_bytes("GET", "/health",
                                                 [("Authorization", "Cluster " + secret)])).status == 401


@pytest.mark.parametrize("body", [b"", b"\0", b"x" * 1000, b"\xff" * 5000, b"\x08\x96\x01",
                                  b"\x0a\xff\xff\xff\xff\x0f", BODY,
                                  b"\x0a\x02\x0a\x00" * 500])
def test_nonsense_from_one_who_knows_the_secret(shared, body):
    """A broken peer: an error, nothing recorded, the worker lives."""
    secret = json.loads(shared.workers[0].config.read_text())["cluster_secret"]
    for node in shared.nodes:
        for target in ("/internal/append", "/internal/append?shard=0", "/internal/append?shard=4294967296",
                       "/internal/append?shard=-1", "/internal/append?shard=1&shard=2"):
            answer = exchange(node.port, request_bytes("POST", target, [("Authorization", "Cluster " + secret)],
                                                       body))
            assert answer.status < 500 or answer.status == 503, answer
            assert answer.status != 200 or body == b"", answer


SESSION = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("method, target", [
    ("POST", "/internal/append?shard=0&session=" + SESSION),
    ("POST", "/internal/append?shard=0&sequence=1"),
    ("POST", f"/internal/append?shard=0&session={SESSION}&sequence=0"),
    ("POST", f"/internal/append?shard=0&session={SESSION}&sequence=-1"),
    ("POST", f"/internal/append?shard=0&session={SESSION}&sequence=18446744073709551616"),
    ("POST", "/internal/append?shard=0&session=x&sequence=1"),
    ("POST", "/internal/session?shard=0"),
    ("POST", "/internal/session?shard=0&session=" + "0" * 32),
    ("POST", f"/internal/session?shard={DEFAULT_SHARDS}&session={SESSION}"),
    ("POST", "/internal/admit?shard=0&worker=1"),
    ("POST", "/internal/admit?shard=0&worker=4&incarnation=7"),
    ("POST", "/internal/admit?shard=0&worker=1&incarnation=1"),
    ("POST", "/internal/admit?shard=0&worker=1&incarnation=4294967296"),
    ("POST", "/internal/lead?shard=0"),
    ("POST", "/internal/lead?shard=0&worker=0"),
    ("POST", "/internal/lead?shard=x&worker=1"),
    ("GET", "/internal/hashes"),
    ("GET", f"/internal/hashes?shard={DEFAULT_SHARDS}"),
])
def test_parameters_that_no_node_would_send(shared, method, target):
    config = json.loads(shared.workers[0].config.read_text())
    headers = [("Authorization", "Cluster " + config["cluster_secret"]),
               ("X-Cluster", shared.status()["cluster"]["fingerprint"])]
    for worker in shared.workers:
        answer = exchange(worker.port, request_bytes(method, target, headers, b"" if method == "POST" else None))
        assert answer.status == 400, answer
