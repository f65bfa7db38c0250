"""`raftmetrics rebuild`: shards that wait for ever for what is lost, until somebody decides. What
was acknowledged is there afterwards wherever one intact replica had it, and whoever else held the
shard gives that up by itself."""
import json
import subprocess

import pytest

from lib.cluster import BINARY
from lib.node import clean_environment
from lib.placement import xxh3_64
from lib.wait import wait_until
from rig.clients import write
from rig.cluster import HEAL_SECONDS, N_SHARDS
from rig.damage import files_of, flip
from rig.history import History
from rig.nemesis import names_over_shards
from rig.verdict import check_history

NAMES = names_over_shards("rebuild", 1)


@pytest.fixture
def history():
    return History()


def rebuild(worker, *options):
    return subprocess.run([BINARY, "rebuild", "--config", str(worker.config), *options], capture_output=True,
                          text=True, env=clean_environment(), check=False, timeout=60)


def rebuild_now(worker, *options):
    done = rebuild(worker, "--yes", *options)
    assert done.returncode == 0 and "Start this worker now" in done.stdout, done
    return done.stdout


def write_everywhere(cluster, history, names=NAMES, n=10):
    client = cluster.client(timeout=30)
    for _ in range(n):
        for name in names:
            wait_until(lambda: write(client, history, name).status == 200, HEAL_SECONDS, "a write")
    client.close()


def make_written(make_faulty, history, **options):
    """A cluster whose replicas all have what was acknowledged."""
    cluster = make_faulty(**options)
    cluster.history = history
    write_everywhere(cluster, history)
    cluster.wait_whole()
    cluster.check_replicas_agree()
    return cluster


def record_of(cluster, worker, shard):
    said = json.loads((cluster.data_of(worker) / "cluster.json").read_text())
    return next((each for each in said["shards"] if each["shard"] == shard), {"incarnation": 1, "joining": False})


def reason_of(worker, shard):
    rows = worker.ask("/status").json()["shards"]
    return next(row for row in rows if row["id"] == shard)["replicas"][0].get("reason", "")


def wait_advised(worker, shard, word="raftmetrics rebuild"):
    wait_until(lambda: word in reason_of(worker, shard), HEAL_SECONDS, f"{worker.name} to name {word!r}")


def wait_joined(cluster, worker):
    """Each of its replicas lives under a new id, and is a voter."""
    def joined():
        records = [record_of(cluster, worker, shard) for shard in range(N_SHARDS)]
        return all(each["incarnation"] != 1 and not each["joining"] for each in records)
    wait_until(joined, HEAL_SECONDS, f"{worker.name} to have joined every shard anew")


def snapshot_of(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_one_of_two_workers_is_lost(make_faulty, history):
    cluster = make_written(make_faulty, history, n_workers=2)
    left, lost = cluster.workers
    cluster.kill(lost)
    cluster.empty(lost)
    running = rebuild(left, "--yes")
    assert running.returncode == 1 and "stop this worker first" in running.stderr, running
    wait_advised(left, 0)
    cluster.kill(left)

    before = (cluster.data_of(left) / "cluster.json").read_bytes()
    shown = rebuild(left)
    assert shown.returncode == 0 and "Nothing was changed" in shown.stdout, shown
    assert shown.stdout.count("last entry: term ") == N_SHARDS, shown.stdout
    assert (cluster.data_of(left) / "cluster.json").read_bytes() == before
    shown_again = rebuild(left)
    assert shown_again.stdout == shown.stdout

    rebuild_now(left)
    left.start()
    write_everywhere(cluster, history)
    lost.start(wait=False)
    wait_joined(cluster, lost)
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)


def test_two_of_three_workers_are_emptied(make_faulty, history, rng):
    cluster = make_written(make_faulty, history)
    left = rng.choice(cluster.workers)
    emptied = [worker for worker in cluster.workers if worker is not left]
    cluster.kill(*emptied)
    for worker in emptied:
        cluster.empty(worker)
    cluster.restart(*emptied)
    for worker in cluster.workers:
        wait_advised(worker, 0)
        assert "raftmetrics rebuild" in worker.log.read_text()
    cluster.kill(left)
    rebuild_now(left)
    left.start()
    for worker in emptied:
        wait_joined(cluster, worker)
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)
    assert not any(reason_of(worker, shard) for worker in cluster.workers for shard in range(N_SHARDS))


def test_the_others_give_up_what_they_have(make_faulty, history, rng):
    """Both come back, against all expectations: in the shard that was rebuilt they are the majority
    of a former life."""
    cluster = make_written(make_faulty, history)
    left = rng.choice(cluster.workers)
    away = [worker for worker in cluster.workers if worker is not left]
    shard = rng.randrange(N_SHARDS)
    cluster.kill(*cluster.workers)
    rebuild_now(left, "--shard", str(shard))
    left.start()
    write_everywhere(cluster, history, [NAMES[shard]])
    cluster.restart(*away)
    for worker in away:
        wait_until(lambda: record_of(cluster, worker, shard)["incarnation"] != 1, HEAL_SECONDS,
                   f"{worker.name} to give up shard {shard}")
        assert "void" in worker.log.read_text()
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)
    assert all(record_of(cluster, worker, other)["incarnation"] == 1
               for worker in cluster.workers for other in range(N_SHARDS) if other != shard)


def test_a_shard_that_is_led_is_left_alone(make_faulty, history, rng):
    cluster = make_written(make_faulty, history)
    stopped = rng.choice(cluster.workers)
    cluster.kill(stopped)
    for shard in range(N_SHARDS):
        cluster.wait_leader(shard, [worker for worker in cluster.workers if worker is not stopped])
    before = (cluster.data_of(stopped) / "cluster.json").read_bytes()
    done = rebuild(stopped, "--yes")
    assert done.returncode == 0 and done.stdout.count("left alone") == N_SHARDS, done
    assert (cluster.data_of(stopped) / "cluster.json").read_bytes() == before
    stopped.start()
    check_history(cluster, history, NAMES)


def test_who_was_filled_before_is_not_taken_in(faulty):
    """Perhaps by a leader of a former life: under the same index and term it may hold another entry."""
    leader = faulty.wait_leader(0)
    other = next(worker for worker in faulty.workers if worker is not leader)
    members = faulty.internal(leader, "/internal/members?shard=0")
    assert members.status == 200, members
    assert members.json() == {"members": [{"worker": worker.id, "incarnation": 1} for worker in faulty.workers]}
    assert faulty.internal(other, "/internal/members?shard=0").status == 421
    target = f"/internal/admit?shard=0&worker={other.id}&incarnation=4711&last_index=5"
    answer = faulty.internal(leader, target, "POST")
    assert answer.status == 202 and answer.json() == {"done": False, "agreed": False, "void": True}, answer
    assert faulty.internal(leader, "/internal/members?shard=0").json() == members.json()


def test_nobody_is_removed_while_another_is_down(faulty, history):
    """Who is left must agree to it: the one who is down could not, however little he lacks."""
    write_everywhere(faulty, history, n=1)
    leader = faulty.wait_leader(0)
    down, asking = (worker for worker in faulty.workers if worker is not leader)
    faulty.kill(down)
    leader = faulty.wait_leader(0, [leader, asking])
    asking = next(worker for worker in faulty.workers if worker not in (leader, down))

    target = f"/internal/admit?shard=0&worker={asking.id}&incarnation=4711&last_index=0"
    gauge = f'raftmetrics_worker_neighbour_is_up{{worker="{down.id}"}} 0\n'.encode()
    wait_until(lambda: gauge in leader.ask("/status/metrics").body, HEAL_SECONDS, "the leader to miss the one who is down")
    answer = faulty.internal(leader, target, "POST")
    assert answer.status == 503, answer
    write_everywhere(faulty, history, n=1)
    faulty.restart(down)
    faulty.wait_whole()
    check_history(faulty, history, NAMES)


def test_an_interrupted_rebuild_is_finished_by_the_next(make_faulty, history):
    cluster = make_written(make_faulty, history, n_workers=2)
    left, lost = cluster.workers
    cluster.kill(left, lost)
    cluster.empty(lost)
    rebuild_now(left)
    interrupt(cluster.data_of(left) / "cluster.json", shard=1)
    left.start(wait=False)
    wait_until(lambda: "did not come to its end" in reason_of(left, 1), HEAL_SECONDS, "worker 1 to refuse shard 1")
    cluster.wait_led_by(0, left)
    cluster.kill(left)
    rebuild_now(left, "--shard", "1")
    cluster.restart(left, lost)
    wait_joined(cluster, lost)
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)


def interrupt(path, shard):
    """As it was before the last step."""
    said = json.loads(path.read_text())
    row = next(each for each in said["shards"] if each["shard"] == shard)
    row["rebuilding"], row["incarnation"] = row["incarnation"], 1
    del said["checksum"]
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    said["checksum"] = f"{xxh3_64(text.encode()):016x}"
    path.write_text(json.dumps(said))


def test_the_only_replica_is_damaged(make_faulty, history, rng):
    cluster = make_written(make_faulty, history, n_workers=1)
    worker = cluster.worker(1)
    shard = rng.randrange(N_SHARDS)
    others = [name for i, name in enumerate(NAMES) if i != shard]
    assert worker.stop() == 0 or not worker.is_running()
    print(flip(rng.choice(files_of(cluster.data_of(worker), "closed segment", shard)), rng))
    cluster.restart(worker)
    wait_advised(worker, shard, "--discard")
    write_everywhere(cluster, history, others)
    cluster.kill(worker)

    refused = rebuild(worker, "--yes", "--shard", str(shard))
    assert refused.returncode == 1 and "not sound: " in refused.stdout and "--discard" in refused.stdout, refused
    assert rebuild(worker, "--yes", "--discard").returncode == 2
    every = [option for each in range(N_SHARDS) for option in ("--shard", str(each))]
    discarded = rebuild_now(worker, "--discard", *every)
    assert discarded.count("discarded: ") == 1 and discarded.count("left alone: it is sound") == N_SHARDS - 1
    assert (cluster.data_of(worker) / f"shard-{shard}.damaged").is_dir()
    worker.start()
    history.writes = [each for each in history.writes if each.metric != NAMES[shard]]
    write_everywhere(cluster, history)
    cluster.kill(worker)
    cluster.restart(worker)
    check_history(cluster, history, NAMES)


def test_a_replica_in_doubt_is_taken_where_it_is_named(make_faulty, history, rng):
    """Nothing tells any more whether the logs once reached further."""
    cluster = make_written(make_faulty, history, n_workers=1)
    worker = cluster.worker(1)
    cluster.wait_marks(worker, 10)
    cluster.kill(worker)
    flip(cluster.data_of(worker) / "watermarks", rng)
    early = rebuild(worker, "--yes")
    assert early.returncode == 1 and early.stdout.count("start this worker once") == N_SHARDS, early
    worker.start()
    wait_advised(worker, 0)
    cluster.kill(worker)
    unnamed = rebuild(worker, "--yes")
    assert unnamed.returncode == 1 and unnamed.stdout.count("in doubt: ") == N_SHARDS, unnamed
    assert "rebuilt" not in unnamed.stdout
    rebuild_now(worker, *[option for each in range(N_SHARDS) for option in ("--shard", str(each))])
    worker.start()
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)


def test_two_that_are_both_rebuilt_become_one_again(make_faulty, history):
    """A mistake that would otherwise leave two shards of one name."""
    cluster = make_written(make_faulty, history, n_workers=2)
    cluster.kill(*cluster.workers)
    for worker in cluster.workers:
        rebuild_now(worker, "--shard", "0")
    alive = {record_of(cluster, worker, 0)["incarnation"] for worker in cluster.workers}
    cluster.restart(*cluster.workers)

    def is_one_again():
        records = [record_of(cluster, worker, 0) for worker in cluster.workers]
        return not any(each["joining"] for each in records) and \
            len(alive & {each["incarnation"] for each in records}) == 1
    wait_until(is_one_again, HEAL_SECONDS, "one of the two to give up")
    write_everywhere(cluster, history)
    check_history(cluster, history, NAMES)


def test_wrong_usage(make_faulty):
    cluster = make_faulty(start=False, n_workers=1)
    cluster.data_directory.mkdir(exist_ok=True)
    worker = cluster.worker(1)
    cluster.write_config(worker, node_id=1, data_dir=str(cluster.data_of(worker)), n_shards=N_SHARDS)
    missing = rebuild(worker)
    assert missing.returncode == 1 and "cannot open" in missing.stderr, missing
    cluster.data_of(worker).mkdir()
    empty = rebuild(worker)
    assert empty.returncode == 1 and "no cluster.json" in empty.stdout, empty
    assert not any(cluster.data_of(worker).iterdir())
    assert rebuild(worker, "--shard", "two").returncode == 2
    assert rebuild(worker, "now").returncode == 2
    assert "Never use it while the lost ones might return" in rebuild(worker, "--help").stdout
