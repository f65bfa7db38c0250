"""Nodes that die or hang under load: the others live on, and every client gets its answer. Where it
matters that a shard is away with its worker, each shard has one replica."""
import random
import signal
import time

import pytest

from lib.checks import check_error
from lib.client import item
from lib.load import DEADLINE_SECONDS, Load
from lib.placement import first_worker_of
from lib.wait import wait_until

KILLS = 50
# What a client may be told while a node is away: not found, for what is not recorded yet.
MEANWHILE = {200, 404, 503, 504}


@pytest.fixture
def single(make_cluster):
    """A cluster whose shards live on one worker each."""
    return make_cluster(worker={"replicas": 1})


def names_of_worker(cluster, worker_id, n=3):
    n_shards = len(cluster.status()["shards"])
    candidates = (f"fault.{i}" for i in range(10_000))
    ids = [worker.id for worker in cluster.workers]
    of_worker = (each for each in candidates if first_worker_of(each, n_shards, ids) == worker_id)
    return [next(of_worker) for _ in range(n)]


def check_answers(load, closed_is_allowed):
    assert not load.unexpected, load.unexpected
    assert not load.late, f"answers after the deadline of {DEADLINE_SECONDS} s: {load.late}"
    assert set(load.statuses) <= MEANWHILE, load.statuses
    for answer in load.errors:
        check_error(answer, answer.status)
    assert closed_is_allowed or load.closed == 0, f"{load.closed} connections closed without an answer"


def check_fully_writable(cluster):
    cluster.wait_writable()
    client = cluster.client()
    for i in range(100):
        client.record(f"afterwards.{i}", i)
        assert client.values(f"afterwards.{i}")["values"] == [i]
    client.close()


def kill_and_restart(cluster, victim, load):
    before = {node.name: node.pid for node in cluster.nodes if node is not victim}
    victim.kill()
    answered = load.answered
    if victim is not cluster.control:
        wait_until(lambda: load.answered > answered + 5, DEADLINE_SECONDS, "answers while a worker is away")
    assert {node.name: node.pid for node in cluster.nodes if node is not victim} == before
    victim.start()


def test_fifty_kills(cluster):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    killed = []
    with Load(cluster, [f"load.{i}" for i in range(50)]) as load:
        for _ in range(KILLS):
            victim = rng.choice([*cluster.workers, cluster.control])
            kill_and_restart(cluster, victim, load)
            killed.append(victim)
        cluster.wait_writable()
        answered = load.answered
        wait_until(lambda: load.answered > answered + 20, DEADLINE_SECONDS, "answers after the last kill")
    print(f"{load.statuses}, {load.closed} closed")
    check_answers(load, closed_is_allowed=cluster.control in killed)
    cluster.check_running()
    check_fully_writable(cluster)


def test_killed_workers_close_no_client_connection(cluster):
    with Load(cluster, [f"load.{i}" for i in range(50)]) as load:
        for worker in cluster.workers:
            kill_and_restart(cluster, worker, load)
            cluster.wait_writable()
    check_answers(load, closed_is_allowed=False)
    assert set(load.statuses) <= {200, 404}, load.statuses  # the leaders that were lost had heirs


def test_a_dead_worker_is_counted_by_health(single):
    cluster = single
    led = len([row for row in cluster.status()["shards"] if row["leader"] == 2])
    cluster.worker(2).kill()
    answer = wait_until(lambda: (lambda got: got if got.status == 503 else None)(cluster.control.ask("/health")),
                        5, "control to be unhealthy")
    body = answer.json()
    assert body["status"] == "unhealthy" and str(led) in body["message"], body
    assert [cluster.control.ask(f"/readyz?{flag}").status for flag in ("all", "all=true", "all=false")] == [503, 503, 200]
    assert cluster.control.ask("/readyz").status == cluster.control.ask("/livez").status == 200
    cluster.worker(2).start()
    wait_until(lambda: cluster.control.ask("/health").status == 200, 5, "control to be healthy again")


def test_writes_to_a_dead_worker_name_the_reason(single):
    cluster = single
    name = names_of_worker(cluster, 3, 1)[0]
    cluster.worker(3).kill()
    answer = cluster.client().post("/metrics", item(name, 1))
    assert answer.status in (503, 504), answer
    assert check_error(answer, answer.status)["error"] in ("no_leader", "outcome_unknown")


def test_a_batch_over_a_dead_worker_names_what_was_recorded(single):
    cluster = single
    names = names_of_worker(cluster, 1) + names_of_worker(cluster, 2)
    wait_until(lambda: cluster.control.ask("/health").status == 200, 5, "health")
    cluster.worker(2).kill()
    answer = cluster.client().post("/metrics/batch", {"metrics": [item(each, 1) for each in names]})
    body = check_error(answer, 503, "partially_recorded", "only what was not recorded")
    assert body["recorded"] == [0, 1, 2]
    assert sorted(body["not_recorded"] + body["unknown"]) == [3, 4, 5]
    assert sorted(i for each in body["refused"] for i in each["metrics"]) == body["not_recorded"]
    assert all(each["error"] in ("no_leader", "deadline_exceeded") for each in body["refused"])
    client = cluster.client()
    assert [client.values(each)["values"] for each in names[:3]] == [[1]] * 3


def test_a_hanging_worker_delays_only_its_own_shards(single):
    cluster = single
    stuck, alive = names_of_worker(cluster, 1, 1)[0], names_of_worker(cluster, 2, 1)[0]
    cluster.worker(1).signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with Load(cluster, [alive], n_threads=2) as load:
            for target in (lambda client: client.post("/metrics", item(stuck, 1)),
                           lambda client: client.get(f"/metrics/{stuck}")):
                asked = time.monotonic()
                answer = target(cluster.client())
                assert time.monotonic() - asked <= DEADLINE_SECONDS
                assert answer.status in (503, 504), answer
                assert check_error(answer, answer.status)["error"] in ("no_leader", "outcome_unknown",
                                                                       "deadline_exceeded")
        took = time.monotonic() - began
        check_answers(load, closed_is_allowed=False)
        assert set(load.statuses) <= {200, 404} and load.statuses[200] > 10 * took, load.statuses
    finally:
        cluster.worker(1).signal(signal.SIGCONT)
    check_fully_writable(cluster)


def test_clients_that_vanish_while_they_wait(cluster):
    """Their requests end with them; the daemon goes on."""
    from lib.raw import RawConnection, bearer, request_bytes
    name = names_of_worker(cluster, 1, 1)[0].encode()
    pids = cluster.pids()
    cluster.worker(1).signal(signal.SIGSTOP)
    try:
        body = b'{"metric_name": "%s", "value": 1}' % name
        waiting = [RawConnection(cluster.control.port) for _ in range(50)]
        for i, connection in enumerate(waiting):
            connection.send(request_bytes("POST", "/metrics", [bearer(cluster.token)], body))
            connection.reset() if i % 2 else connection.close()
        assert cluster.control.ask("/livez").status == 200
    finally:
        cluster.worker(1).signal(signal.SIGCONT)
    check_fully_writable(cluster)
    assert cluster.pids() == pids
