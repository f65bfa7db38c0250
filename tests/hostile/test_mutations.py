"""Valid requests with random damage: an answer or a closed connection, never a crash, a hang or a
5xx; and exactly what was answered 200 was recorded."""
import gzip
import json
import os
import random
import re

import pytest

from lib.client import path_of
from lib.cluster import TOKEN
from lib.raw import Closed, RawConnection, bearer, request_bytes
from lib.wait import wait_until

N_REQUESTS = int(os.environ.get("MUTATIONS", "4000"))
GOOD = bearer(TOKEN)
ITEM = json.dumps({"metric_name": "good.mutated", "value": 75.5, "timestamp": "2024-11-25T20:59:23.376Z",
                   "labels": {"host": "web-1"}}).encode()
BATCH = b'{"metrics": [' + ITEM + b", " + ITEM.replace(b"mutated", b"other") + b"]}"
CHUNKS = b"10\r\n" + ITEM[:16] + b"\r\n%x\r\n" % (len(ITEM) - 16) + ITEM[16:] + b"\r\n0\r\n\r\n"
SEEDS = [
    request_bytes("POST", "/metrics", [GOOD, ("Content-Type", "application/json")], ITEM),
    request_bytes("POST", "/metrics?precision=ms", [GOOD, ("X-Request-Id", "abc")], ITEM),
    request_bytes("POST", "/metrics", [GOOD, ("Transfer-Encoding", "chunked")], CHUNKS),
    request_bytes("POST", "/metrics", [GOOD, ("Content-Encoding", "gzip")], gzip.compress(ITEM, mtime=0)),
    request_bytes("POST", "/metrics/batch", [GOOD, ("Content-Type", "application/json; charset=utf-8")], BATCH),
    request_bytes("GET",
                  "/metrics/good.mutated?from=2024-01-01T00:00:00Z&label=host:web-1&limit=5&timestamps=true",
                  [GOOD]),
    request_bytes("GET", "/metrics/good.mutated/aggregate?agg=avg,max,stddev&window=1h30m&decimals=3", [GOOD]),
    request_bytes("GET", "/metrics?format=json&prefix=good&limit=10", [GOOD, ("Accept", "application/json")]),
    request_bytes("HEAD", "/status", [GOOD]),
    request_bytes("GET", "/readyz?verbose", [("Connection", "close")]),
]
TOKENS = [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"%00", b"%2F", b"%zz", b"{", b"}", b"[" * 50, b'"',
          b",", b"\\u0000", b"\\",
          b"1e999", b"-0", b"NaN", b"9" * 30, b"null", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
          b"HTTP/1.1", b"\xff\xfe",
          b"&", b"=", b"?", b"/", b"..", b"0\r\n\r\n", b"POST /metrics HTTP/1.1\r\n", b"Expect: 100-continue\r\n"]


def mutate(rng, data):
    """Damage anywhere; or in the body alone, with the length made right, so that it reaches the
    readers of JSON and gzip."""
    head, _, body = data.partition(b"\r\n\r\n")
    if not body or rng.random() < 0.4:
        return damage(rng, data)
    body = damage(rng, body)
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def damage(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice([1, 1, 2, 5, 20]))
        rng.choice([
            lambda: data.__setitem__(slice(start, end), b""),
            lambda: data.__setitem__(slice(start, end), rng.randbytes(end - start)),
            lambda: data.__setitem__(slice(start, start), rng.choice(TOKENS)),
            lambda: data.__setitem__(slice(start, end), rng.choice(TOKENS)),
            lambda: data.__setitem__(slice(start, start), data[start:end]),
            lambda: data.__setitem__(slice(start, end), bytes(byte ^ (1 << rng.randrange(8))
                                                              for byte in data[start:end])),
            lambda: data.__setitem__(slice(start, len(data)), rng.choice(SEEDS)[start:]),
        ])()
    return bytes(data)


def send_to(port, data):
    """A connection on which @data was sent, as far as the daemon took it."""
    connection = RawConnection(port)
    connection.try_send(data)
    return connection


def answers_of(connection, data):
    """Every answer. Where there is none the daemon closes, at the latest when the request's time is
    over. Empty lines in front of a request line count for nothing (RFC 9112, 2.2)."""
    is_head = re.match(rb"(\r?\n)*HEAD ", data)
    try:
        first = connection.final_answer("HEAD" if is_head else "GET")
    except Closed:
        return []
    return [first, *connection.available_answers()]


def recorded_by(answer):
    if answer.status != 200 or not answer.body.startswith(b'{"success":true') or b"recorded" not in answer.body:
        return 0
    return answer.json().get("recorded", 1)


def samples(cluster):
    """As the shards' leaders count them; followers are a moment behind."""
    listed = cluster.client().get("/metrics?format=json&limit=10000").json()
    return sum(row["count"] for row in listed["metrics"])


@pytest.mark.parametrize("whom", ["control", "worker"])
def test_random_damage(shared, whom):
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    port = shared.control.port if whom == "control" else shared.workers[0].port
    before, recorded, statuses = samples(shared), 0, {}
    known = names_of(shared)
    sent = []
    for number in range(N_REQUESTS if whom == "control" else N_REQUESTS // 4):
        data = mutate(rng, rng.choice(SEEDS))
        sent.append((send_to(port, data), data))
        if number % 100 == 0:
            assert shared.control.ask("/health").status == 200
    for connection, data in sent:
        try:
            answers = answers_of(connection, data)
        except (OSError, ValueError, IndexError) as error:
            raise AssertionError(f"{data!r}") from error
        for answer in answers:
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            assert answer.status < 500 or answer.status in (501, 505), (data, answer)
            recorded += recorded_by(answer)
    for connection, _ in sent:
        connection.close()
    print(statuses, recorded)
    assert len(statuses) > 3, statuses
    wait_until(lambda: samples(shared) == before + recorded, 5,
               f"{recorded} samples more than {before}, for that many were answered 200")
    for name in names_of(shared) - known:
        assert shared.client().delete(path_of(name)).status == 200


def names_of(cluster):
    """All of them: damage makes new ones."""
    listed = cluster.client().get("/metrics?format=json&limit=10000").json()
    return {row["metric_name"] for row in listed["metrics"]}
