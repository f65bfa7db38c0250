"""What becomes of a shard whose leader dies, hangs or is cut off."""
import http.client
import signal
import threading
import time

import pytest

from lib.client import TIMEOUT_SECONDS, path_of
from lib.wait import wait_until
from rig.clients import Request, outcomes, post, read, write
from rig.cluster import HEAL_SECONDS, N_SHARDS
from rig.faults import others
from rig.history import History
from rig.links import CUT, HOLD, NO_REQUESTS, slow
from rig.nemesis import names_over_shards
from rig.streams import Streams
from rig.verdict import check_history

NAMES = names_over_shards("leaders", 1)  # NAMES[shard]


@pytest.fixture
def history(faulty):
    faulty.history = History()
    return faulty.history


def test_a_killed_worker_interrupts_only_the_shards_it_led(faulty, history, rng, say):
    shard = rng.randrange(N_SHARDS)
    victim = faulty.wait_leader(shard)
    led = {NAMES[each] for each in faulty.leads(victim)}
    with Streams(faulty, history, NAMES) as streams:
        killed = time.monotonic()
        faulty.kill(victim)
        took = streams.wait_ok_after(killed)
        restarted = time.monotonic()
        victim.start()
        faulty.wait_whole()
        streams.wait_ok_after(restarted)
    interrupted = max(took[name] for name in led)
    say(f"leader killed: writes to its {len(led)} shards accepted again within {interrupted:.2f} s")
    assert streams.failures(set(NAMES) - led) == []
    check_history(faulty, history, NAMES)


def test_a_leader_that_was_paused_serves_nothing_old(faulty, history, rng):
    """It wakes up and believes that it leads; its own port is asked at once."""
    shard = rng.randrange(N_SHARDS)
    name, victim = NAMES[shard], faulty.wait_leader(shard)
    client = faulty.client()
    assert write(client, history, name).status == 200
    victim.signal(signal.SIGSTOP)
    try:
        faulty.wait_leader(shard, among=others(faulty, victim))
        wait_until(lambda: write(client, history, name).status == 200, HEAL_SECONDS, "the new leader to take writes")
    finally:
        victim.signal(signal.SIGCONT)
    direct = victim.client()
    for _ in range(50):
        read(client, history, name, "linearizable")
        mark = history.mark(name)
        answer = direct.get(path_of(name), {"level": "linearizable"})
        if answer.status == 200:
            history.saw(name, "linearizable", mark, answer.json()["values"])
    check_history(faulty, history, NAMES)


def isolate(cluster, worker, mode):
    cluster.links.set(cluster.links.around(worker.id), mode)


@pytest.mark.parametrize("mode", [CUT, HOLD, NO_REQUESTS], ids=["cut", "silent", "unheard"])
def test_a_leader_without_its_followers_acknowledges_nothing(faulty, history, rng, mode):
    """Nor does it answer a repetition from what it has only proposed."""
    shard = rng.randrange(N_SHARDS)
    name, victim = NAMES[shard], faulty.wait_leader(shard)
    assert write(faulty.client(), history, name).status == 200
    requests = [Request([history.begin(name)], False, f"key-{i}") for i in range(4)]
    isolate(faulty, victim, mode)
    answers = send_together(victim, history, [request for request in requests for _ in range(2)])
    assert not any(answer is not None and answer.status == 200 for answer in answers), answers
    faulty.wait_leader(shard, among=others(faulty, victim))
    faulty.links.heal()
    faulty.wait_whole()
    client = faulty.client()
    for request in requests:
        wait_until(lambda: post(client, history, request).status == 200, HEAL_SECONDS, "a repetition")
    check_history(faulty, history, NAMES)


def send_together(worker, history, requests):
    """To the worker's own port, each on a connection of its own, in a fixed order but none waiting
    for the one before."""
    answers = [None] * len(requests)

    def run(i):
        client = worker.client()
        answers[i] = ask_worker(client, history, requests[i])
        client.close()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask_worker(client, history, request):
    """As post(), but a worker also says 421, which promises that nothing was recorded."""
    try:
        answer = client.post(request.target, request.body, headers=request.headers)
    except (OSError, http.client.HTTPException):
        return None
    if answer.status != 421:
        for each, outcome in zip(request.writes, outcomes(history, request, answer)):
            history.attempted(each, outcome, repr(answer))
    return answer


def test_the_first_weak_read_of_a_new_leader_has_all_that_was_acknowledged(faulty, history, rng):
    """The survivors reach each other slowly, so that what the dead leader acknowledged last is in
    their logs long before they know that it is committed."""
    for turn in range(3):
        shard = rng.randrange(N_SHARDS)
        name, victim = NAMES[shard], faulty.wait_leader(shard)
        survivors = others(faulty, victim)
        assert write(faulty.client(), history, name).status == 200
        pairs = [(a.id, b.id) for a in survivors for b in survivors if a is not b]
        faulty.links.set(pairs, slow(0.1), kinds=["peer"])
        assert write(faulty.client(), history, name).status == 200
        faulty.kill(victim)
        n_served = read_until_served(survivors, history, name, 20)
        assert n_served > 0, turn
        faulty.links.heal()
        victim.start()
        faulty.wait_whole()
    assert history.stale_reads == []
    check_history(faulty, history, NAMES)


def read_until_served(workers, history, name, n_reads):
    """Weak reads at the workers' own ports, as fast as they answer, until one has served some."""
    clients = [worker.client(timeout=TIMEOUT_SECONDS) for worker in workers]
    served = 0

    def ask():
        nonlocal served
        for client in clients:
            mark = history.mark(name)
            answer = client.get(path_of(name), {"level": "weak"})
            if answer.status in (200, 404):
                history.saw(name, "weak", mark, answer.json().get("values", []))
                served += 1
        return served >= n_reads

    wait_until(ask, HEAL_SECONDS, "a new leader to serve weak reads")
    for client in clients:
        client.close()
    return served


@pytest.mark.long
def test_preferred_leaders_get_their_shards_back(faulty, history):
    faulty.wait_preferred()
    victim = faulty.wait_leader(0)
    faulty.kill(victim)
    for shard in range(N_SHARDS):
        faulty.wait_leader(shard, among=others(faulty, victim))
    victim.start()
    faulty.wait_preferred()
