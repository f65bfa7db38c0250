"""Clusters of other sizes: what two workers and one promise."""
from lib.wait import wait_until
from rig.clients import read_all, write
from rig.cluster import HEAL_SECONDS, N_SHARDS
from rig.history import History
from rig.nemesis import names_over_shards
from rig.verdict import check_history

NAMES = names_over_shards("sizes", 1)
ROUNDS = 20


def test_two_hosts_keep_all_but_tolerate_no_loss(make_faulty, rng):
    cluster = make_faulty(n_workers=2)
    history = cluster.history = History()
    assert b"tolerat" in cluster.logs(), "no warning that two replicas tolerate no loss"
    client = cluster.client(timeout=30)
    write_everywhere(client, history)
    victim = rng.choice(cluster.workers)
    cluster.kill(victim)
    survivor = next(worker for worker in cluster.workers if worker is not victim)
    wait_until(lambda: not cluster.leads(survivor), HEAL_SECONDS, "the survivor to step down")
    for name in NAMES:
        assert write(client, history, name).status == 503
    victim.start()
    cluster.wait_whole()
    write_everywhere(client, history)
    check_history(cluster, history, NAMES)


def test_one_host_is_durable(make_faulty):
    cluster = make_faulty(n_workers=1)
    history = cluster.history = History()
    client = cluster.client(timeout=30)
    for _ in range(3):
        write_everywhere(client, history)
        cluster.kill(cluster.worker(1))
        cluster.worker(1).start()
        cluster.wait_whole()
    check_history(cluster, history, NAMES)
    assert sum(map(len, read_all(client, NAMES).values())) == 3 * ROUNDS * N_SHARDS


def write_everywhere(client, history):
    for _ in range(ROUNDS):
        for name in NAMES:
            assert write(client, history, name).status == 200
