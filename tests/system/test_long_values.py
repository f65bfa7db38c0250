"""GET /metrics/{name} of very many values: they stream out of the worker, and through control."""
import contextlib
import json
import socket

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.memory import peak_of, slack_of
from lib.wait import wait_until

MS = 1732568363376
N = 120000
BATCH = 10000
N_SERIES = 7
NAME = "long"
SLACK_BYTES = 48 << 20


def value_of(i):
    return i * 7919 % 100003 / 100


def stamp_of(i):
    return f"2024-11-25T{(MS + i) // 3600000 % 24:02}:{(MS + i) // 60000 % 60:02}:" \
           f"{(MS + i) // 1000 % 60:02}.{(MS + i) % 1000:03}Z"


def fill(client):
    for start in range(0, N, BATCH):
        client.record_all([item(NAME, value_of(i), MS + i, {"s": str(i % N_SERIES)})
                           for i in range(start, start + BATCH)])


@pytest.fixture(scope="module")
def filled(shared):
    client = shared.client()
    fill(client)
    client.close()
    return shared


@pytest.fixture
def reader(filled):
    client = filled.client()
    yield client
    client.close()


def long_answer(client, **query):
    answer = client.get(path_of(NAME), {"limit": 1_000_000, **query})
    assert answer.headers["Content-Length"] is None
    return check_json(answer)


def open_reader(node, token, version="HTTP/1.1", target=f"{path_of(NAME)}?limit=1000000&timestamps=true"):
    """A socket that has asked, with a small window, and reads nothing by itself."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(15)
    client.connect(("127.0.0.1", node.port))
    client.sendall(f"GET {target} {version}\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    return client


def read_all(client):
    """Header section, and what comes until the end of the connection."""
    whole = b""
    while data := client.recv(1 << 16):
        whole += data
    return whole.split(b"\r\n\r\n", 1)


# ---- what it says ----

def test_all_of_them(reader):
    answer = long_answer(reader)
    assert set(answer) == {"metric_name", "values", "timestamp"}
    assert answer["values"] == [value_of(i) for i in range(N)]


def test_with_their_timestamps_and_rounded(reader):
    answer = long_answer(reader, timestamps="true", decimals=1)
    assert len(answer["values"]) == N
    assert all(abs(answer["values"][i] - value_of(i)) <= 0.0500001 for i in range(N))
    assert answer["timestamps"] == [stamp_of(i) for i in range(N)]


def test_by_series(reader):
    series = long_answer(reader, by="series")["series"]
    assert [each["labels"] for each in series] == [{"s": str((N - 1 - k) % N_SERIES)} for k in range(N_SERIES)]
    for each in series:
        numbers = range(int(each["labels"]["s"]), N, N_SERIES)
        assert each["values"] == [value_of(i) for i in numbers]
        assert each["timestamps"] == [stamp_of(i) for i in numbers]


@pytest.mark.parametrize("by", [{}, {"by": "series"}])
def test_pages_that_are_long_themselves(reader, by):
    newer = long_answer(reader, limit=70000, **by)
    assert newer["truncated"] is True and newer["total"] == N
    older = long_answer(reader, cursor=newer["next"], **by)
    assert "next" not in older

    def values(answer):
        return sorted(value for each in answer.get("series", [answer]) for value in each["values"])
    assert values(newer) == sorted(value_of(i) for i in range(N - 70000, N))
    assert values(older) == sorted(value_of(i) for i in range(N - 70000))


def test_short_answers_have_a_length(reader):
    for query in ({}, {"timestamps": "true"}, {"by": "series"}):
        answer = reader.get(path_of(NAME), {"limit": 1000, **query})
        assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_what_the_worker_writes_at_once(filled):
    """Neither much work, nor much memory."""
    clients = [worker.client() for worker in filled.workers]
    leader = next(client for client in clients if client.get(path_of(NAME), {"limit": 1}).status == 200)
    for query, is_whole in (({}, True), ({"timestamps": "true", "limit": 5000}, True),
                            ({"limit": 40000, "decimals": 0}, False), ({"timestamps": "true", "limit": 16000}, False)):
        answer = leader.get(path_of(NAME), query)
        assert (answer.headers["Content-Length"] is not None) == is_whole, query
        assert len(check_json(answer)["values"]) == query.get("limit", 10000)
    for client in clients:
        client.close()


# ---- who reads it ----

def test_readers_of_http_1_0(filled):
    with open_reader(filled.control, filled.token, "HTTP/1.0") as client:
        head, body = read_all(client)
        assert b"chunked" not in head
        assert len(json.loads(body)["values"]) == N


def test_readers_that_do_not_read(make_cluster):
    """Their answers are not kept for them, and nobody waits for them."""
    cluster = make_cluster(n_workers=1)
    with contextlib.closing(cluster.client()) as client:
        fill(client)
        for node in cluster.nodes:
            before = {each: peak_of(each) for each in cluster.nodes}
            readers = [open_reader(node, cluster.token) for _ in range(40)]
            for reader in readers:
                assert reader.recv(12) == b"HTTP/1.1 200"
            client.record("short", 1)
            assert client.values("short")["values"][-1] == 1
            assert len(long_answer(client)["values"]) == N
            for each in cluster.nodes:
                assert peak_of(each) - before[each] < slack_of(each, SLACK_BYTES), each.name
            for reader in readers:
                reader.close()
    cluster.check_running()


def test_a_budget_for_all_readers(make_cluster):
    """On a worker, and on control; one has room, however little that is."""
    for role in ("control", "worker"):
        cluster = make_cluster(n_workers=1, **{role: {"max_answers_bytes": 65536}})
        node = cluster.control if role == "control" else cluster.worker(1)
        with contextlib.closing(cluster.client()) as client:
            fill(client)
            with open_reader(node, cluster.token) as reader:
                assert reader.recv(12) == b"HTTP/1.1 200"
                for _ in range(3):
                    check_error(client.get(path_of(NAME), {"limit": 1_000_000}), 503, "overloaded")
                assert check_json(client.get(path_of(NAME), {"limit": 10}))
            wait_until(lambda: client.get(path_of(NAME), {"limit": 1_000_000}).status == 200, 10, "the room to be free")
            assert len(long_answer(client)["values"]) == N


def test_a_budget_for_answers_that_are_whole(make_cluster):
    cluster = make_cluster(n_workers=1, worker={"max_answers_bytes": 65536})
    worker = cluster.worker(1)
    target = f"{path_of(NAME)}/aggregate?step=15ms&group_by=s"
    with contextlib.closing(worker.client()) as client:
        with contextlib.closing(cluster.client()) as writer:
            fill(writer)
        with open_reader(worker, cluster.token, target=target) as reader:
            assert reader.recv(12) == b"HTTP/1.1 200"
            check_error(client.get(target), 503, "overloaded")
            assert check_json(client.get(path_of(NAME) + "/aggregate"))["count"] == N
        wait_until(lambda: client.get(target).status == 200, 10, "the room to be free")


# ---- what happens in between ----

def test_a_metric_that_is_deleted_meanwhile(make_cluster):
    """The answer is of the moment in which it began."""
    cluster = make_cluster(n_workers=1)
    with contextlib.closing(cluster.client()) as client:
        fill(client)
        with open_reader(cluster.worker(1), cluster.token, "HTTP/1.0") as reader:
            head = reader.recv(12)
            client.delete(path_of(NAME))
            client.record(NAME, 1, MS)
            body = json.loads(read_all(reader)[1])
        assert head == b"HTTP/1.0 200" or head == b"HTTP/1.1 200"
        assert body["values"] == [value_of(i) for i in range(N)]
        assert body["timestamps"] == [stamp_of(i) for i in range(N)]
        assert client.values(NAME)["values"] == [1]


def test_a_worker_that_dies_meanwhile(make_cluster):
    cluster = make_cluster(n_workers=1)
    with contextlib.closing(cluster.client()) as client:
        fill(client)
        with open_reader(cluster.control, cluster.token) as reader:
            assert reader.recv(12) == b"HTTP/1.1 200"
            cluster.worker(1).kill()
            with pytest.raises(ConnectionResetError):
                read_all(reader)
        assert cluster.control.ask("/livez").status == 200
