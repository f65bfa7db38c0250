"""Strangers at the peer port: closed within a second or so, logged once, and nothing of what they
say reaches Raft. The handshake is written here a second time, from its description."""
import hashlib
import hmac
import os
import struct

import pytest

from lib.hand_made import CLUSTER_SECRET
from lib.raw import RawConnection
from rig.clients import write
from rig.cluster import PEER_OFFSET, FaultCluster
from rig.history import History
from rig.nemesis import names_over_shards
from rig.verdict import check_history

NAMES = names_over_shards("peers", 1)
CLOSED_SECONDS = 10  # a second is promised; a loaded machine is not our business
TIMES = 5
HELLO = struct.Struct("<6sBBQIIIII32s")
NONCE = bytes(range(32))


def hello(faulty, **changed):
    """A sound one, from worker 2 to worker 1, but for what is @changed."""
    fields = {"magic": b"RMPEER", "version": 1, "zero": 0, "cluster": int(faulty.fingerprint(), 16), "shard": 0,
              "sender": 2, "sender_incarnation": 1, "receiver": 1, "receiver_incarnation": 1, "nonce": NONCE}
    fields.update(changed)
    return HELLO.pack(*fields.values())


def proof(secret, side, said, nonce):
    return hmac.new(secret.encode(), side.encode() + said + nonce, hashlib.sha256).digest()


def connect(cluster):
    return RawConnection(cluster.worker(1).port + PEER_OFFSET)


def say(cluster, *pieces):
    """Says @pieces at worker 1's peer port, the later ones whether it answers or not; returns what
    it answered before it closed."""
    with connect(cluster) as connection:
        for piece in pieces:
            connection.try_send(piece)
        return connection.wait_closed(CLOSED_SECONDS)


def with_wrong_secret(cluster):
    said = hello(cluster)
    with connect(cluster) as connection:
        connection.send(said)
        nonce = connection.read_exactly(64)[:32]
        connection.try_send(proof("another secret", "dialler", said, nonce) + raft_message())
        return connection.wait_closed(CLOSED_SECONDS)


def with_reflected_proof(cluster):
    """The listener's own proof, sent back to it."""
    with connect(cluster) as connection:
        connection.send(hello(cluster))
        connection.try_send(connection.read_exactly(64)[32:] + raft_message())
        return connection.wait_closed(CLOSED_SECONDS)


def raft_message():
    """A RequestVote of C-Raft with a term so high that it would be seen."""
    body = struct.pack("<QQQQQ", 1 << 40, 2 << 32 | 1, 1 << 40, 1 << 40, 0)
    return struct.pack("<QQ", 3, len(body)) + body


STRANGERS = {
    "garbage": lambda cluster: say(cluster, os.urandom(4096)),
    "http": lambda cluster: say(cluster, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a raft message": lambda cluster: say(cluster, raft_message()),
    "idle": lambda cluster: say(cluster),
    "half a hello": lambda cluster: say(cluster, hello(cluster)[:40]),
    "silent after its hello": lambda cluster: say(cluster, hello(cluster))[64:],
    "another cluster": lambda cluster: say(cluster, hello(cluster, cluster=0x1234), raft_message()),
    "another version": lambda cluster: say(cluster, hello(cluster, version=2)),
    "an unknown worker": lambda cluster: say(cluster, hello(cluster, sender=9)),
    "itself": lambda cluster: say(cluster, hello(cluster, sender=1)),
    "an unknown shard": lambda cluster: say(cluster, hello(cluster, shard=999)),
    "the wrong secret": with_wrong_secret,
    "its own proof": with_reflected_proof,
}


def refusals(worker):
    return [line for line in worker.log.read_text().splitlines() if "refused" in line]


@pytest.fixture(scope="module")
def calm(request):
    """A cluster that only strangers disturb."""
    failures = request.session.testsfailed
    cluster = FaultCluster(label="strangers")
    cluster.history = History()
    try:
        cluster.start()
        cluster.wait_preferred()
        yield cluster
    finally:
        cluster.finish(request.session.testsfailed > failures)


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_is_closed_and_not_heard(calm, stranger):
    terms = [calm.leads(worker) for worker in calm.workers]
    before = len(refusals(calm.worker(1)))
    for _ in range(TIMES):
        assert not stranger(calm).endswith(b"+"), "it was welcomed"
    assert len(refusals(calm.worker(1))) <= before + 1
    calm.check_running()
    assert [calm.leads(worker) for worker in calm.workers] == terms
    client = calm.client()
    for name in NAMES:
        assert write(client, calm.history, name).status == 200
    check_history(calm, calm.history, NAMES)


def test_is_logged_once(faulty):
    for _ in range(TIMES):
        with_wrong_secret(faulty)
    assert sum("secret" in line for line in refusals(faulty.worker(1))) == 1


def test_a_flood_of_idle_connections_does_not_keep_peers_out(faulty):
    history = faulty.history = History()
    idle = [connect(faulty) for _ in range(300)]
    faulty.kill(faulty.worker(2))
    faulty.worker(2).start()
    faulty.wait_whole()
    client = faulty.client()
    for name in NAMES:
        assert write(client, history, name).status == 200
    for connection in idle:
        connection.close()
    check_history(faulty, history, NAMES)
