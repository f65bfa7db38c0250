"""Workers that lost some of their data, all of it, or the disk it is on. What is lost is refused
with a sentence and filled again from the peers, and never counted on meanwhile."""
import subprocess

import pytest

from lib.cluster import BINARY
from lib.node import clean_environment
from lib.wait import wait_until
from rig.clients import Workload, post, Request, write
from rig.cluster import HEAL_SECONDS, N_SHARDS
from rig.damage import files_of, flip
from rig.faults import FAULTS, others
from rig.history import History
from rig.nemesis import Nemesis, names_over_shards
from rig.tmpfs import can_mount
from rig.verdict import check_history

NAMES = names_over_shards("data", 1)


def write_everywhere(cluster, history, n=20):
    client = cluster.client(timeout=30)
    for _ in range(n):
        for name in NAMES:
            wait_until(lambda: write(client, history, name).status == 200, HEAL_SECONDS, "a write")
    client.close()


@pytest.fixture
def history(faulty):
    faulty.history = History()
    return faulty.history


def test_an_emptied_worker_comes_back_as_another(faulty, history, rng):
    write_everywhere(faulty, history)
    victim = rng.choice(faulty.workers)
    before = faulty.wait_marks(victim, 1)
    faulty.kill(victim)
    faulty.empty(victim)
    write_everywhere(faulty, history)
    victim.start(wait=False)
    faulty.wait_whole()
    write_everywhere(faulty, history)
    after = faulty.wait_marks(victim, 20)
    assert not any(before[shard].incarnation == after[shard].incarnation for shard in range(N_SHARDS)), (before, after)
    check_history(faulty, history, NAMES)


def left_behind(faulty, history, rng):
    """(one worker that missed writes, the two that acknowledged them); none of them runs."""
    write_everywhere(faulty, history, 2)
    behind = rng.choice(faulty.workers)
    ahead = others(faulty, behind)
    faulty.kill(behind)
    write_everywhere(faulty, history)
    for worker in ahead:
        faulty.wait_marks(worker, 20)
    faulty.kill(*ahead)
    return behind, ahead


def check_that_two_decide_nothing(faulty, history, running, missing, shards):
    """@running are two of three, one of which lost what it had acknowledged: together they are no
    majority that could be trusted, whatever they are asked."""
    client = faulty.client(timeout=30)
    for shard in shards:
        answer = post(client, history, Request([history.begin(NAMES[shard])], False, None))
        assert answer is not None and answer.status in (503, 504), answer
    assert not any(shard in faulty.leads(worker) for worker in running for shard in shards)
    faulty.restart(missing)
    faulty.wait_whole()
    write_everywhere(faulty, history, 2)
    check_history(faulty, history, NAMES)


def test_an_emptied_worker_does_not_vote_as_if_it_were_new(faulty, history, rng):
    behind, (emptied, missing) = left_behind(faulty, history, rng)
    faulty.empty(emptied)
    faulty.restart(behind, emptied)
    check_that_two_decide_nothing(faulty, history, [behind, emptied], missing, rng.sample(range(N_SHARDS), 2))


def test_a_worker_that_lost_the_end_of_its_log_does_not_vote(faulty, history, rng):
    behind, (truncated, missing) = left_behind(faulty, history, rng)
    shard = rng.randrange(N_SHARDS)
    cut_log(faulty.data_of(truncated), shard)
    faulty.restart(behind, truncated)
    check_that_two_decide_nothing(faulty, history, [behind, truncated], missing, [shard])


def cut_log(directory, shard):
    """All segments but the first, which holds the configuration: a log that ends too early, in good
    order."""
    closed = files_of(directory, "closed segment", shard)
    for path in [*closed[1:], *files_of(directory, "open segment", shard)]:
        path.unlink()
    assert closed, "no segment with the configuration"


REFUSED = ["open segment", "closed segment", "snapshot", "vote"]
HARMLESS = ["metadata", "snapshot's metadata"]  # a second copy may do, or not


@pytest.mark.parametrize("kind", REFUSED + HARMLESS)
def test_a_flipped_bit_is_noticed_and_healed(faulty, rng, say, kind):
    nemesis = Nemesis(faulty, rng, names_over_shards("flip"), say)
    if "snapshot" in kind:
        nemesis.write_bulk()
    nemesis.run([FAULTS["follower_killed"]])  # so that there are closed segments
    victim = rng.choice(faulty.workers)
    before = faulty.wait_marked(victim)
    wait_until(lambda: files_of(faulty.data_of(victim), kind), HEAL_SECONDS, f"{victim.name} to have a {kind}")
    faulty.kill(victim)
    path = rng.choice(files_of(faulty.data_of(victim), kind))
    shard = int(path.parent.name.removeprefix("shard-"))
    say(f"flipped {flip(path, rng)}")
    faulty.restart(victim)
    faulty.wait_whole()
    if kind in REFUSED:
        wait_until(lambda: faulty.marks(victim)[shard].incarnation != before[shard].incarnation, HEAL_SECONDS,
                   f"{victim.name} to notice, and to fill shard {shard} anew\n{victim.tail()}")
        assert f"shard={shard}" in victim.log.read_text()
    verdict = nemesis.run([])
    assert not verdict.problems(), f"\n{verdict!r}"


def test_a_worker_behind_a_large_snapshot_rejoins_under_load(faulty, rng, say):
    nemesis = Nemesis(faulty, rng, names_over_shards("behind"), say)
    verdict = nemesis.run([FAULTS["worker_behind_a_snapshot"]] * 2)
    assert not verdict.problems(), f"\n{verdict!r}"
    assert all(files_of(faulty.data_of(worker), "snapshot") for worker in faulty.workers)


@pytest.mark.skipif(not can_mount(), reason="mounting a small file system needs root")
def test_a_full_disk_loses_nothing_and_stops_nobody_else(make_faulty, rng, say):
    cluster = make_faulty(small_disk=3)
    nemesis = Nemesis(cluster, rng, names_over_shards("full"), say)
    verdict = nemesis.run([FAULTS["disk_filled"]] * 2)
    assert not verdict.problems(), f"\n{verdict!r}"


def test_a_data_directory_has_one_worker(faulty, history):
    worker = faulty.worker(1)
    second = subprocess.run([BINARY, "worker", "--config", str(worker.config), "--port", str(faulty.ports.spare()),
                             "--pid-file", str(faulty.directory / "second.pid")],
                            capture_output=True, text=True, env=clean_environment(), check=False, timeout=30)
    assert second.returncode != 0 and str(faulty.data_of(worker)) in second.stderr, second
    write_everywhere(faulty, history, 2)
    check_history(faulty, history, NAMES)


def test_every_worker_restarted_in_good_order_at_once(faulty, history, rng):
    with Workload(faulty, history, NAMES, rng.random()) as workload:
        history.wait_acknowledged(500, HEAL_SECONDS)
        statuses = [worker.stop() for worker in faulty.workers]
        faulty.restart(*faulty.workers)
        faulty.wait_whole()
        assert history.wait_acknowledged(100, HEAL_SECONDS)
    assert statuses == [0] * len(statuses)
    workload.settle()
    check_history(faulty, history, NAMES)
