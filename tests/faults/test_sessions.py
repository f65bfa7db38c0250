"""Exactly once, seen from a sender that repeats itself: what it was told, and what is there."""
import threading

import pytest

from lib.wait import wait_until
from rig.clients import read_all
from rig.cluster import HEAL_SECONDS, N_SHARDS
from rig.faults import others
from rig.history import History
from rig.links import NO_ANSWERS, CUT
from rig.nemesis import names_over_shards
from rig.wire import Sender, batch_of

NAMES = names_over_shards("sessions", 1)
NOW_MS = 1_700_000_000_000


@pytest.fixture
def shard(rng):
    return rng.randrange(N_SHARDS)


@pytest.fixture
def sender(faulty, shard, rng):
    faulty.history = History()
    made = Sender(faulty, shard, f"{rng.getrandbits(128):032x}")
    assert made.open(faulty.wait_leader(shard)).status == 200
    return made


def batch(shard, value):
    return batch_of(NAMES[shard], value, NOW_MS + value)


def values(cluster, shard):
    cluster.wait_whole()
    return [value for _, value in read_all(cluster.client(), [NAMES[shard]]).get(NAMES[shard], [])]


def test_a_repetition_is_answered_as_the_first_and_done_once(faulty, sender, shard):
    leader = faulty.wait_leader(shard)
    first = sender.append(leader, 1, batch(shard, 1))
    assert first.status == 200
    for _ in range(3):
        again = sender.append(leader, 1, batch(shard, 1))
        assert (again.status, again.body) == (200, first.body)
    assert values(faulty, shard) == [1]


def test_a_number_that_was_given_up_is_refused(faulty, sender, shard):
    leader = faulty.wait_leader(shard)
    assert sender.append(leader, 2, batch(shard, 2)).status == 200
    answer = sender.append(leader, 1, batch(shard, 1))
    assert answer.status == 410 and answer.json()["error"] == "stale_sequence", answer
    assert values(faulty, shard) == [2]


def test_an_unknown_session_changes_nothing(faulty, sender, shard):
    answer = Sender(faulty, shard, f"{7:032x}").append(faulty.wait_leader(shard), 1, batch(shard, 1))
    assert answer.status == 404 and answer.json()["error"] == "unknown_session", answer
    assert values(faulty, shard) == []


def test_a_session_outlives_its_leader_and_all_workers(faulty, sender, shard):
    assert sender.append(faulty.wait_leader(shard), 1, batch(shard, 1)).status == 200
    victim = faulty.wait_leader(shard)
    faulty.kill(victim)
    leader = faulty.wait_leader(shard, among=others(faulty, victim))
    assert sender.append(leader, 1, batch(shard, 1)).status == 200
    faulty.kill(*others(faulty, victim))
    faulty.restart(*faulty.workers)
    faulty.wait_whole()
    assert sender.append(faulty.wait_leader(shard), 1, batch(shard, 1)).status == 200
    assert sender.append(faulty.wait_leader(shard), 2, batch(shard, 2)).status == 200
    assert values(faulty, shard) == [1, 2]


def test_a_repetition_is_not_answered_from_what_is_only_proposed(faulty, sender, shard):
    """The leader cannot reach its followers; the entry that it has will be lost."""
    leader = faulty.wait_leader(shard)
    assert sender.append(leader, 1, batch(shard, 1)).status == 200
    faulty.links.set(faulty.links.around(leader.id), CUT)
    answers = together(lambda: sender.append(leader, 2, batch(shard, 2)), 4)
    assert all(answer.status in (421, 503) for answer in answers), answers
    next_leader = faulty.wait_leader(shard, among=others(faulty, leader))
    assert sender.append(next_leader, 3, batch(shard, 3)).status == 200
    faulty.links.heal()
    faulty.wait_whole()
    assert sender.append(faulty.wait_leader(shard), 2, batch(shard, 2)).status == 410
    assert values(faulty, shard) == [1, 3]


def together(ask, n):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_control_repeats_what_it_has_not_heard_of_and_nothing_is_doubled(faulty, shard):
    """Its requests arrive, the answers are lost with their connection; no key protects the values."""
    faulty.history = History()
    client = faulty.client(timeout=30)
    client.record(NAMES[shard], 0)
    told = {}
    for value in range(1, 21):
        faulty.wait_writable()
        leader = faulty.wait_leader(shard)
        entries = faulty.replica(leader, shard)["applied_index"]
        faulty.links.set([(0, each) for each in faulty.ids], NO_ANSWERS)
        writer = threading.Thread(target=lambda: told.update({value: client.post(
            "/metrics", {"metric_name": NAMES[shard], "value": value})}))
        writer.start()
        wait_until(lambda: not writer.is_alive() or faulty.replica(leader, shard)["applied_index"] > entries,
                   HEAL_SECONDS, "the value's entry")
        faulty.links.set([(0, each) for each in faulty.ids], CUT)
        faulty.links.heal()
        writer.join()
    present = values(faulty, shard)
    assert len(set(present)) == len(present), f"doubled: {present}"
    assert {value for value, answer in told.items() if answer.status == 200} <= set(present)
    assert {answer.status for answer in told.values()} <= {200, 503}
    assert sum(answer.status == 200 for answer in told.values()) >= 15, told
