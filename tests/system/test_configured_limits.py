"""Limits that a configuration sets, made small enough to be met."""
import concurrent.futures
import signal
import time

from lib.checks import check_error
from lib.client import item, path_of
from lib.raw import RawConnection, bearer, request_bytes
from lib.wait import wait_until


def test_idle_connections_end(make_cluster):
    cluster = make_cluster(n_workers=1, both={"idle_timeout_ms": 1000})
    for node in cluster.nodes:
        with RawConnection(node.port) as fresh, RawConnection(node.port) as used:
            used.send(request_bytes("GET", "/health", [bearer(cluster.token)]))
            assert used.read_answer().status == 200
            for connection in (fresh, used):
                rest = connection.wait_closed(5)
                assert not rest or rest.startswith(b"HTTP/1.1 408 ")


def test_requests_have_their_time(make_cluster):
    """Neither trickling nor waiting keeps a request open."""
    cluster = make_cluster(n_workers=1, both={"request_timeout_ms": 1000})
    for node in cluster.nodes:
        with RawConnection(node.port) as connection:
            began = time.monotonic()
            connection.send(b"GET /health HTTP/1.1\r\n")
            while connection.is_silent() and connection.try_send(b"X"):
                assert time.monotonic() - began < 6, "a trickling request lives on"
                try:
                    connection.wait_closed(0.05)
                    break
                except AssertionError:
                    continue
            rest = connection.wait_closed(1)
            assert not rest or rest.startswith(b"HTTP/1.1 408 ")


def test_places_for_connections(make_cluster):
    cluster = make_cluster(n_workers=1, control={"max_connections": 20})
    ask = request_bytes("GET", "/livez")
    with RawConnection(cluster.control.port) as early:
        early.send(ask)
        assert early.read_answer().status == 200
        flood = [RawConnection(cluster.control.port) for _ in range(60)]
        for connection in flood:
            connection.try_send(ask)
        early.send(ask)
        assert early.read_answer().status == 200
        for connection in flood:
            connection.close()
    wait_until(lambda: cluster.control.ask("/livez").status == 200, 5, "a free place")


def test_a_full_queue_refuses(make_cluster):
    """A worker hangs and writes pile up: 503 with Retry-After before memory grows, and each client
    is answered."""
    cluster = make_cluster(n_workers=1, control={"max_queue_bytes": 65536, "max_batch_bytes": 65536,
                                                 "client_deadline_ms": 4000, "forward_timeout_ms": 2000})
    cluster.worker(1).signal(signal.SIGSTOP)

    def write(i):
        client = cluster.client()
        try:
            return client.post("/metrics", item("queue", i, labels={"filling": "x" * 1000}))
        finally:
            client.close()
    try:
        with concurrent.futures.ThreadPoolExecutor(150) as pool:
            answers = list(pool.map(write, range(150)))
    finally:
        cluster.worker(1).signal(signal.SIGCONT)
    for answer in answers:
        assert answer.status in (503, 504), answer
        check_error(answer, answer.status)
    codes = {answer.json()["error"] for answer in answers}
    assert len(codes) > 1, f"some were refused at once, others waited in vain: {codes}"
    cluster.wait_writable()
    write(1)


def test_a_full_table_of_keys_refuses(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"max_idempotency_keys": 5})
    client = cluster.client()
    keys = [{"Idempotency-Key": f"key-{i}"} for i in range(6)]
    for key in keys[:5]:
        client.record("keys", 1, headers=key)
    check_error(client.post("/metrics", item("keys", 1), headers=keys[5]), 429)
    # The live ones are remembered, and without a key all goes on.
    client.record("keys", 1, headers=keys[0])
    client.record("keys", 2)
    assert client.values("keys")["values"] == [1] * 5 + [2]


def test_keys_are_forgotten_in_time(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"idempotency_ttl_ms": 1000})
    client, key = cluster.client(), {"Idempotency-Key": "short-lived"}
    client.record("keys", 1, headers=key)
    check_error(client.post("/metrics", item("keys", 2), headers=key), 422)
    wait_until(lambda: client.post("/metrics", item("keys", 2), headers=key).status == 200, 10,
               "the key to be forgotten")
    assert client.values("keys")["values"] == [1, 2]


def test_sizes(make_cluster):
    cluster = make_cluster(n_workers=1, both={"max_body_bytes": 200, "max_batch_items": 2, "max_labels": 1,
                                              "max_label_value_bytes": 4,
                                              "max_label_name_bytes": 3, "max_target_bytes": 100})
    client = cluster.client()
    check_error(client.post("/metrics", item("a", 1, labels={"x": "y" * 200})), 413)
    check_error(client.post("/metrics", item("a", 1, labels={"x": "1", "y": "2"})), 422, mentions="label")
    check_error(client.post("/metrics", item("a", 1, labels={"x": "12345"})), 422, mentions="label")
    check_error(client.post("/metrics", item("a", 1, labels={"wxyz": "1"})), 422, mentions="label")
    check_error(client.get(path_of("a" * 100)), 414)
    answer = client.post("/metrics/batch", {"metrics": [item("a", 1)] * 3})
    assert answer.status in (413, 422)
    client.record("a", 1, labels={"xyz": "1234"})
