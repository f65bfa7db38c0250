"""What a control daemon makes of its workers' answers: when it hands a batch over again, to whom, and
what it tells the client. The workers are scripted; the shard is one."""
import json
import threading
import time

import pytest

from lib.checks import check_error
from lib.client import item
from lib.fake_worker import DIE, HANG, FakeCluster, refusal
from lib.wait import wait_until

DEADLINE_MS = 3000
NO_LEADER_SECONDS = 6  # after so long without a leader nobody waits for one
UNKNOWN = refusal(503, "outcome_unknown")
NO_SESSION = refusal(404, "unknown_session")


class Scene:
    def __init__(self, cluster):
        cluster.data_directory.mkdir()
        self.daemons = cluster
        self.fakes = FakeCluster([worker.port for worker in cluster.workers])
        self.one, self.two = self.fakes.workers

    def start(self, **keys):
        self.daemons.write_config(self.daemons.control, **{
            "threads": 1, "status_poll_ms": 20, "client_deadline_ms": DEADLINE_MS,
            "forward_timeout_ms": DEADLINE_MS - 1, **keys})
        self.daemons.control.start(wait=False)
        wait_until(lambda: self.daemons.control.ask("/livez").status == 200, 10, "control to live")
        return self

    def lead(self, worker, term):
        """And until control knows."""
        self.fakes.lead(worker, term)
        wanted = worker and worker.id
        wait_until(lambda: self.shard()["leader"] == wanted, 10, f"control to follow {wanted}")

    def shard(self):
        shards = self.daemons.status()["shards"]
        return shards[0] if shards else {"leader": None}

    def write(self, value=1):
        return self.daemons.client().post("/metrics", item("a", value))

    def write_beside(self, value=1):
        """On a thread of its own; calling the result waits for the answer."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.write(value)))
        thread.start()

        def wait():
            thread.join()
            return answers[0]
        return wait

    def read(self, **query):
        return self.daemons.client().get("/metrics/a", query)


@pytest.fixture
def scene(make_cluster):
    cluster = make_cluster(n_workers=2, start=False)
    made = Scene(cluster)
    yield made
    made.fakes.stop()


@pytest.fixture
def led(scene):
    """Worker 1 leads in term 3."""
    scene.fakes.lead(scene.one, 3)
    scene.start()
    scene.lead(scene.one, 3)
    return scene


def check_recorded(answer, worker):
    assert answer.status == 200, answer
    assert answer.json()["message"] == f"Metric recorded on worker {worker.id}"


def test_batches_are_numbered_within_a_session(led):
    for number in (1, 2, 3):
        check_recorded(led.write(number), led.one)
        call = led.fakes.next_call()
        assert (call.session, call.sequence) == (led.one.opened[0], number)
    assert len(led.one.opened) == 1 and len(led.one.opened[0]) == 32


def deposed(scene):
    """An answer of the first worker: from that moment on the second leads."""
    def answer():
        scene.fakes.lead(scene.two, 4)
        return refusal(421, "not_leader", leader=scene.two.address)
    return answer


def test_the_leader_that_a_worker_names_is_handed_the_same(led):
    led.one.script = [deposed(led)]
    check_recorded(led.write(), led.two)
    first, again = led.fakes.next_call(), led.fakes.next_call()
    assert (first.worker, again.worker) == (led.one, led.two)
    assert first.same == again.same


@pytest.mark.parametrize("failure", [DIE, UNKNOWN, refusal(503, "no_leader"), refusal(503, "shutting_down"),
                                     refusal(421, "not_leader")], ids=str)
def test_a_batch_that_failed_is_handed_over_again(led, failure):
    led.one.script = [failure, failure]
    check_recorded(led.write(), led.one)
    calls = [led.fakes.next_call() for _ in range(3)]
    assert calls[0].same == calls[1].same == calls[2].same
    check_recorded(led.write(), led.one)
    assert led.fakes.next_call().sequence == 2


def test_a_worker_that_hangs_loses_the_batch_to_the_next_leader(led):
    led.one.script = [HANG]
    answer = led.write_beside()
    first = led.fakes.next_call()
    led.one.is_silent = True
    led.fakes.lead(led.two, 4)
    check_recorded(answer(), led.two)
    again = led.fakes.next_call()
    assert again.worker is led.two and first.same == again.same
    check_recorded(led.write(), led.two)  # and nobody else is thought to be lost


def test_a_killed_leader_s_batch_goes_to_the_next(led):
    led.one.script = [HANG]
    answer = led.write_beside()
    first = led.fakes.next_call()
    led.one.stop()
    wait_until(lambda: led.shard()["leader"] is None, 10, "control to notice")
    led.fakes.lead(led.two, 4)
    check_recorded(answer(), led.two)
    assert led.fakes.next_call().same == first.same


def test_a_session_that_is_not_open_is_opened(led):
    check_recorded(led.write(), led.one)
    led.fakes.next_call()
    led.one.script = [NO_SESSION]
    check_recorded(led.write(), led.one)
    first, again = led.fakes.next_call(), led.fakes.next_call()
    assert first.same == again.same and first.sequence == 2
    assert len(led.one.opened) == 2


def test_a_session_that_expired_under_a_batch(led):
    """The first attempt may have been recorded before."""
    led.one.script = [DIE, NO_SESSION]
    check_error(led.write(), 503, "outcome_unknown")
    assert [led.fakes.next_call().sequence for _ in range(2)] == [1, 1]
    check_recorded(led.write(), led.one)
    assert led.fakes.next_call().sequence == 2
    assert len(led.one.opened) == 2


def test_a_stale_number_is_of_unknown_outcome(led):
    led.one.script = [refusal(410, "stale_sequence")]
    check_error(led.write(), 503, "outcome_unknown")
    check_recorded(led.write(), led.one)
    assert [led.fakes.next_call().sequence for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("status, code", [(503, "disk_low"), (429, "shard_full"), (503, "overloaded")])
def test_refusals_are_told_at_once(led, status, code):
    led.one.script = [refusal(status, code)]
    answer = led.write()
    check_error(answer, status, code)
    assert answer.headers["Retry-After"]
    check_recorded(led.write(), led.one)


@pytest.mark.parametrize("status, code", [(503, "disk_low"), (429, "shard_full"), (421, "not_leader")])
def test_a_refusal_does_not_undo_an_attempt_before(led, status, code):
    """What may be recorded is never said not to be."""
    led.one.script = [DIE] + [refusal(status, code)] * 1000
    check_error(led.write(), 503, "outcome_unknown")
    led.one.script = []
    check_recorded(led.write(), led.one)


def test_a_batch_without_an_answer_is_given_up_at_the_deadline(led):
    led.one.script = [HANG]
    check_error(led.write(), 503, "outcome_unknown")
    check_recorded(led.write(), led.one)
    assert [led.fakes.next_call().sequence for _ in range(2)] == [1, 2]


def test_what_was_never_handed_over_is_not_recorded(led):
    led.one.script = [refusal(421, "not_leader")] * 1000
    answer = led.write()
    assert check_error(answer, answer.status)["error"] in ("no_leader", "deadline_exceeded")
    calls = {led.fakes.next_call().same}
    while led.fakes.has_calls():
        calls.add(led.fakes.next_call().same)
    assert len(calls) == 1
    led.one.script = []
    check_recorded(led.write(), led.one)
    assert led.fakes.next_call().sequence == 2


def test_writes_and_reads_wait_for_a_leader(led):
    led.lead(None, None)
    answer = led.write_beside()
    wait_until(lambda: led.daemons.status()["control"]["queue"] > 0, 5, "the write to wait")
    led.lead(led.two, 4)
    check_recorded(answer(), led.two)


def test_nobody_waits_for_a_leader_that_does_not_come(scene):
    scene.start(client_deadline_ms=20000)
    scene.fakes.lead(scene.one, 3)
    scene.lead(scene.one, 3)
    scene.lead(None, None)
    began = time.monotonic()
    check_error(scene.write(), 503, "no_leader")
    assert time.monotonic() - began >= NO_LEADER_SECONDS - 1
    check_error(scene.write(), 503, "no_leader")
    check_error(scene.read(), 503, "no_leader")
    check_error(scene.daemons.client().get("/metrics?format=json"), 503, "no_leader")
    assert time.monotonic() - began < 2 * NO_LEADER_SECONDS  # none of these three has waited


def test_the_newer_term_leads(led):
    led.two.term = 2  # it does not know yet that it is over
    n_polls = led.two.n_polls
    wait_until(lambda: led.two.n_polls > n_polls + 2, 10, "control to have heard that")
    check_recorded(led.write(), led.one)
    assert led.shard()["leader"] == 1
    led.two.term = 4  # and worker 1 does not know
    wait_until(lambda: led.shard()["leader"] == 2, 10, "control to follow the newer term")
    check_recorded(led.write(), led.two)


def test_a_read_follows_the_leader(led):
    led.one.reads = [deposed(led)]
    assert led.read().json()["values"] == [2]
    assert (led.one.n_reads, led.two.n_reads) == (1, 1)


@pytest.mark.parametrize("failure", [DIE, refusal(503, "no_leader"), refusal(503, "shutting_down"),
                                     refusal(421, "not_leader")], ids=str)
def test_a_read_that_failed_is_asked_again(led, failure):
    led.one.reads = [failure]
    assert led.read().json()["values"] == [1]
    assert led.one.n_reads == 2


def test_a_read_that_hangs_goes_to_the_next_leader(led):
    led.one.reads = [HANG]
    answers = []
    thread = threading.Thread(target=lambda: answers.append(led.read(level="linearizable")))
    thread.start()
    wait_until(lambda: led.one.n_reads == 1, 5, "the read to arrive")
    led.fakes.lead(led.two, 4)
    thread.join()
    assert answers[0].json()["values"] == [2]


def test_stale_reads_take_any_replica(led):
    assert led.read(level="none").json()["values"] == [1]  # the leader's first
    led.one.reads = [refusal(503, "not_current")]
    assert led.read(level="none").json()["values"] == [2]
    led.one.stop()
    led.fakes.lead(None, None)
    assert led.read(level="none").json()["values"] == [2]
    led.two.stop()
    wait_until(lambda: led.read(level="none").status == 503, 10, "nobody to be left")
    check_error(led.read(level="none"), 503, "no_leader")


def test_health_counts_the_shards_without_a_leader(led):
    assert led.daemons.control.ask("/health").status == 200
    led.lead(None, None)
    answer = led.daemons.control.ask("/health")
    assert answer.status == 503 and "1 of 1" in answer.json()["message"]
    assert led.daemons.control.ask("/readyz?all").status == 503


def test_a_listing_without_some_shard_is_asked_for_again(led):
    """As when a leader stepped down a moment ago."""
    metric = {"metric_name": "a", "series": 1, "count": 2, "last": 3, "worker": 1}
    led.one.reads = [b"0 0\n", b"3 0\n", b"a {}\n", f"a {json.dumps(metric)}\n1 0\n".encode()]
    listing = led.daemons.client().get("/metrics?format=json")
    assert listing.json() == {"metrics": [metric], "next": None}, listing
    assert led.one.n_reads == 4


def test_status_merges_what_the_replicas_workers_say(led):
    """How much of the log a replica has the leader knows better; the lag follows from both."""
    led.one.shards = [{"id": 0, "leader": 1, "term": 5, "replicas": [
        {"worker": 1, "role": "leader", "last_index": 100, "match_index": 100, "applied_index": 99, "lag": 0}],
        "members": [{"worker": 1, "match_index": 100}, {"worker": 2, "match_index": 90}]}]
    led.two.shards = [{"id": 0, "leader": 2, "term": 4, "replicas": [
        {"worker": 2, "role": "follower", "last_index": 80, "match_index": 80, "applied_index": 70, "lag": 0}]}]
    shard = led.shard()
    assert (shard["leader"], shard["term"]) == (1, 5)
    rows = {row["worker"]: (row["role"], row["match_index"], row["applied_index"], row["lag"])
            for row in shard["replicas"]}
    assert rows == {1: ("leader", 100, 99, 1), 2: ("follower", 90, 70, 30)}
    led.two.stop()
    assert led.shard()["replicas"][1] == {"worker": 2, "role": "unreachable", "match_index": 90}
