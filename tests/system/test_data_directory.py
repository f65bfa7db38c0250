"""What a worker does with its data directory: how a cluster forms, what is refused, what is filled
again by the others."""
import json
import shutil
import struct
import subprocess

import pytest

from lib.checks import check_error
from lib.client import item
from lib.cluster import BINARY
from lib.node import START_SECONDS, clean_environment
from lib.placement import DEFAULT_SHARDS, first_worker_of, shard_of, xxh3_64
from lib.wait import wait_until

HEAL_SECONDS = 30
NAMES = [f"data.{i}" for i in range(24)]


def data_of(cluster, worker):
    return cluster.data_directory / worker.name


def replicas(worker):
    """shard -> the worker's own replica of it, as it tells itself."""
    answer = worker.ask("/status")
    assert answer.status == 200, answer
    return {row["id"]: row["replicas"][0] for row in answer.json()["shards"]}


def record_everywhere(cluster, value):
    """A shard may be without a leader for longer than a client is kept waiting: nothing was
    recorded, so it is asked again."""
    client = cluster.client()

    def recorded(name):
        answer = client.post("/metrics", item(name, value))
        assert answer.status == 200 or check_error(answer, 503)["error"] == "no_leader", answer
        return answer.status == 200
    for each in NAMES:
        wait_until(lambda name=each: recorded(name), HEAL_SECONDS, f"{each} to be recorded")
    client.close()


def check_values(cluster, values):
    client = cluster.client()
    for each in NAMES:
        assert client.values(each, level="linearizable")["values"] == values
    client.close()


def wait_sound(worker):
    """Until every replica of the worker takes part and has caught up."""
    def sound():
        return all(each["role"] in ("leader", "follower") and each["lag"] == 0 and each["applied_index"] > 0 and
                   "reason" not in each for each in replicas(worker).values())
    wait_until(sound, HEAL_SECONDS, f"the replicas of {worker.name} to be sound")


# ---- forming ----

def test_workers_wait_for_each_other(make_cluster):
    """Each is ready by itself, or they could not be started in order; nothing begins before all
    have spoken."""
    cluster = make_cluster(start=False)
    cluster.data_directory.mkdir()
    for worker in cluster.workers:
        cluster.write_config(worker, node_id=worker.id, data_dir=str(data_of(cluster, worker)))
    first, second, third = cluster.workers
    first.start()
    second.start()
    wait_until(lambda: first.ask("/status").json()["workers"][0]["waiting_for"] == [3], START_SECONDS,
               "worker 1 to wait for worker 3 only")
    told = first.ask("/status").json()["workers"][0]
    assert told["formed"] is False, told
    assert "waits for the workers 3" in first.ask("/readyz?verbose").body.decode()
    assert not list(data_of(cluster, first).glob("shard-*"))
    client = first.client()
    assert client.post("/metrics", {"metric_name": "m", "value": 1}).status == 503
    assert client.get("/metrics/m").status == 503
    third.start()
    cluster.write_config(cluster.control)
    cluster.control.start()
    cluster.wait_writable()
    assert all(worker.ask("/status").json()["workers"][0]["formed"] for worker in cluster.workers)
    record_everywhere(cluster, 1)
    check_values(cluster, [1])


def test_preferred_replicas_lead_from_the_start_and_again_after_an_outage(make_cluster):
    cluster = make_cluster()

    def leaders():
        return [row["leader"] for row in cluster.status()["shards"]]

    preferred = [1 + shard % 3 for shard in range(DEFAULT_SHARDS)]
    wait_until(lambda: leaders() == preferred, HEAL_SECONDS, "the preferred leaders")
    cluster.worker(2).kill()
    wait_until(lambda: 2 not in leaders() and None not in leaders(), HEAL_SECONDS, "other leaders")
    cluster.worker(2).start()
    wait_until(lambda: leaders() == preferred, HEAL_SECONDS, "the preferred leaders to be back")


def test_who_stops_hands_on_what_it_leads(make_cluster):
    """Nobody waits for an election: its shards have new leaders when it is gone."""
    cluster = make_cluster()
    victim = cluster.worker(1)
    assert victim.stop() == 0
    led = {lead["shard"] for worker in cluster.workers[1:]
           for lead in cluster.internal(worker, "/internal/cluster").json()["leads"]}
    assert led == set(range(DEFAULT_SHARDS))


# ---- levels ----

def test_any_replica_answers_a_read_of_level_none(make_cluster):
    cluster = make_cluster()
    name = NAMES[0]
    cluster.client().record(name, 7)
    ids = [worker.id for worker in cluster.workers]
    leader = first_worker_of(name, DEFAULT_SHARDS, ids)
    for worker in cluster.workers:
        client = worker.client()
        wait_until(lambda: client.get(f"/metrics/{name}", {"level": "none"}).status == 200, HEAL_SECONDS,
                   f"{worker.name} to have it")
        assert client.values(name, level="none")["values"] == [7]
        for level in ("weak", "linearizable"):
            assert client.get(f"/metrics/{name}", {"level": level}).status == (200 if worker.id == leader else 421)


# ---- directories that are not this worker's ----

def start_refused(cluster, worker, **keys):
    """What it wrote before it ended, with another configuration for its directory."""
    config = {**json.loads(worker.config.read_text()), **keys}
    path = cluster.data_directory / "refused.json"
    path.write_text(json.dumps(config))
    done = subprocess.run([BINARY, "worker", "--config", str(path)], capture_output=True, text=True, check=False,
                          env=clean_environment(), timeout=START_SECONDS)
    assert done.returncode != 0, done
    return done.stderr


@pytest.mark.parametrize("keys, mentions", [
    ({"node_id": 2}, "node_id"),
    ({"cluster_name": "another"}, "cluster_name"),
    ({"n_shards": 16}, "n_shards"),
    ({"replicas": 2}, "replicas"),
], ids=["id", "name", "shards", "replicas"])
def test_a_directory_of_another_configuration_is_refused(make_cluster, keys, mentions):
    cluster = make_cluster()
    worker = cluster.worker(1)
    worker.stop()
    said = start_refused(cluster, worker, **keys)
    assert mentions in said and str(data_of(cluster, worker)) in said, said
    worker.start()
    cluster.wait_writable()


def test_shards_without_the_file_that_says_whose_are_refused(make_cluster):
    cluster = make_cluster()
    worker = cluster.worker(3)
    worker.stop()
    kept = (data_of(cluster, worker) / "cluster.json").rename(cluster.data_directory / "kept.json")
    assert "cluster.json" in start_refused(cluster, worker)
    text = bytearray(kept.read_bytes())
    text[text.index(b"formed") + 10] ^= 1
    (data_of(cluster, worker) / "cluster.json").write_bytes(text)
    assert "damaged" in start_refused(cluster, worker)
    kept.rename(data_of(cluster, worker) / "cluster.json")
    worker.start()
    cluster.wait_writable()


# ---- what is filled again ----

def test_a_replica_whose_files_are_gone_comes_back_under_another_id(make_cluster):
    cluster = make_cluster()
    record_everywhere(cluster, 1)
    worker = cluster.worker(2)
    worker.kill()
    shutil.rmtree(data_of(cluster, worker) / "shard-4")
    (data_of(cluster, worker) / "watermarks").unlink(missing_ok=True)  # which would tell as well
    record_everywhere(cluster, 2)
    worker.start()
    wait_sound(worker)
    told = replicas(worker)
    assert told[4]["incarnation"] > 1 and all(told[i]["incarnation"] == 1 for i in range(DEFAULT_SHARDS) if i != 4), told
    check_values(cluster, [1, 2])
    worker.kill()
    worker.start()
    wait_sound(worker)
    assert replicas(worker)[4]["incarnation"] == told[4]["incarnation"]


def test_a_damaged_replica_is_set_aside_and_its_siblings_run(make_cluster):
    """It says why as long as nobody can fill it."""
    cluster = make_cluster()
    record_everywhere(cluster, 1)
    worker, other = cluster.worker(1), cluster.worker(2)
    worker.kill()
    segment = max((data_of(cluster, worker) / "shard-2").glob("*-*"))
    content = bytearray(segment.read_bytes())
    content[20] ^= 0x40
    segment.write_bytes(content)
    cluster.worker(3).kill()
    worker.start()
    wait_until(lambda: replicas(worker)[2]["role"] == "damaged", HEAL_SECONDS, "the damage to be told")
    assert replicas(worker)[2]["reason"]
    wait_until(lambda: all(row["role"] in ("leader", "follower") for shard, row in replicas(worker).items()
                           if shard != 2), HEAL_SECONDS, "the others to take part")
    assert not (data_of(cluster, worker) / "shard-2.damaged").exists(), "one of three may not go where two are left"
    assert replicas(other)[2]["incarnation"] == 1
    cluster.worker(3).start()
    wait_sound(worker)
    assert (data_of(cluster, worker) / "shard-2.damaged").exists()
    record_everywhere(cluster, 2)
    check_values(cluster, [1, 2])


def test_a_snapshot_of_another_version_stops_the_start(make_cluster):
    """It is no damage that others could mend: all replicas would be given up, one by one."""
    cluster = make_cluster(n_workers=1, worker={"n_shards": 1, "max_log_bytes": 1 << 20})
    worker = cluster.worker(1)
    client = cluster.client()
    directory = data_of(cluster, worker) / "shard-0"
    items = [{"metric_name": "m", "value": i, "labels": {"pad": "x" * 900}} for i in range(1000)]
    while not list(directory.glob("snapshot-*.meta")):
        assert client.post("/metrics/batch", {"metrics": items}).status == 200
    client.close()
    worker.stop()
    for snapshot in directory.glob("snapshot-*[0-9]"):
        rewrite_snapshot_format(snapshot)
    worker.start(wait=False)
    worker.wait_gone(START_SECONDS)
    assert "Shard 0 cannot be read" in worker.tail()
    assert "the version of raftmetrics that wrote its data directory" in worker.tail()
    assert not (data_of(cluster, worker) / "shard-0.damaged").exists()


def rewrite_snapshot_format(path):
    """As a later version would write it, with a checksum that is right; src/raft/snapshot_header.h."""
    content = bytearray(path.read_bytes())
    (version,) = struct.unpack_from("<I", content, 8)
    struct.pack_into("<I", content, 8, version + 1)
    struct.pack_into("<Q", content, 32, 0)
    struct.pack_into("<Q", content, 32, xxh3_64(bytes(content)))
    path.write_bytes(content)


def test_without_sound_watermarks_no_log_is_trusted(make_cluster):
    cluster = make_cluster()
    record_everywhere(cluster, 1)
    worker = cluster.worker(3)
    marks = data_of(cluster, worker) / "watermarks"
    wait_until(marks.exists, HEAL_SECONDS, "the watermarks")
    worker.kill()
    content = bytearray(marks.read_bytes())
    content[-9] ^= 1
    marks.write_bytes(content)
    record_everywhere(cluster, 2)
    worker.start()
    wait_sound(worker)
    assert all(row["incarnation"] > 1 for row in replicas(worker).values())
    check_values(cluster, [1, 2])


def test_an_emptied_worker_joins_anew_and_another_after_it(make_cluster):
    cluster = make_cluster()
    record_everywhere(cluster, 1)
    for number, worker in enumerate(cluster.workers[:2], 2):
        worker.kill()
        shutil.rmtree(data_of(cluster, worker))
        worker.start()
        wait_sound(worker)
        assert all(row["incarnation"] > 1 for row in replicas(worker).values())
        record_everywhere(cluster, number)
    check_values(cluster, [1, 2, 3])


def test_a_replica_that_diverged_is_replaced(make_cluster):
    """It gets another history, as long as its own and of the same terms, which Raft cannot tell
    apart: that of a second cluster with the same names."""
    clusters = [make_cluster(), make_cluster()]
    name, shard = name_of_like_term(*clusters)
    for i, cluster in enumerate(clusters):
        client = cluster.client()
        for _ in range(600):
            client.record(name, i)
        client.close()
    cluster, other = clusters
    worker = cluster.worker(3)
    for each in (*cluster.workers, *other.workers):
        each.kill()  # in good order, each would hand its shards on in terms of its own
    directory = data_of(cluster, worker) / f"shard-{shard}"
    shutil.rmtree(directory)
    shutil.copytree(data_of(other, other.worker(3)) / f"shard-{shard}", directory)
    (data_of(cluster, worker) / "watermarks").unlink()  # of a log a little longer, perhaps
    for each in cluster.workers:
        each.start(wait=False)
    cluster.wait_writable()
    wait_until(lambda: replicas(worker)[shard]["incarnation"] > 1, HEAL_SECONDS, "the replica to be replaced")
    wait_sound(worker)
    assert "diverged" in worker.tail(20_000)
    assert set(cluster.client().values(name, level="linearizable")["values"]) == {0}
    assert set(worker.client().values(name, level="none")["values"]) == {0}


def name_of_like_term(one, other):
    """(a metric, its shard), where the shard has the same term in both clusters, and worker 3, which
    is to be led astray, follows."""
    ids = [worker.id for worker in one.workers]
    terms = [{row["id"]: row["term"] for row in cluster.status()["shards"]} for cluster in (one, other)]
    for name in NAMES:
        shard = shard_of(name, DEFAULT_SHARDS)
        if terms[0][shard] == terms[1][shard] and first_worker_of(name, DEFAULT_SHARDS, ids) != 3:
            return name, shard
    raise AssertionError(f"no shard has the same term in both: {terms}")
