"""How control makes one exposition out of the pages of its workers while leaders change. The workers are
scripted; a page is of three series."""
import concurrent.futures
import http.client
import signal

import pytest

from lib.checks import check_error
from lib.fake_exposition import FakeExposition
from lib.fake_worker import DIE, HANG, refusal
from lib.hand_made import HandMadeCluster
from lib.wait import wait_until

DEADLINE_MS = 4000
STORES = {0: {"a": 2, "d": 10, "f": 1}, 1: {"b": 7, "e": 1}, 2: {"c": 20, "ca": 1}, 3: {"aa": 4, "cb": 7, "x": 1},
          4: {}}
APART = {0: 1, 1: 2, 2: 3, 3: 1, 4: 2}


class Scene:
    def __init__(self, cluster):
        cluster.data_directory.mkdir()
        self.daemons = cluster
        self.fakes = FakeExposition([worker.port for worker in cluster.workers], STORES)
        self.fakes.lead(APART)
        cluster.write_config(cluster.control, threads=1, status_poll_ms=20, client_deadline_ms=DEADLINE_MS,
                             forward_timeout_ms=DEADLINE_MS - 1)
        cluster.control.start(wait=False)
        wait_until(lambda: cluster.control.ask("/readyz?all").status == 200, 10, "control to know all leaders")

    def scrape(self):
        return self.daemons.client().get("/metrics", headers={"Accept": None})

    def check_whole(self):
        answer = self.scrape()
        assert answer.status == 200, answer
        assert answer.body == self.fakes.text()


@pytest.fixture
def scene(make_cluster):
    made = Scene(make_cluster(HandMadeCluster, start=False))
    yield made
    made.fakes.stop()


def test_pages_of_all_leaders_are_merged(scene):
    scene.check_whole()
    assert len(scene.fakes.asked) > 15
    assert all(APART[shard] == worker for worker, shards in scene.fakes.asked for shard in shards)


@pytest.mark.parametrize("leads", [{**APART, 3: 2}, {**APART, 0: 3}, {0: 2, 1: 3, 2: 1, 3: 3, 4: 1}],
                         ids=["one of two", "the other", "all"])
@pytest.mark.parametrize("moved_at", range(1, 20, 2))
def test_a_shard_may_move_between_two_pages(scene, moved_at, leads):
    def move(worker, n):
        if n == moved_at:
            scene.fakes.lead(leads)
    scene.fakes.before_page = move
    scene.check_whole()


def test_shards_may_move_all_the_time(scene):
    def move(worker, n):
        if n % 4 == 3:
            scene.fakes.lead({shard: 1 + (n // 4 + shard * n) % 3 for shard in STORES})
    scene.fakes.before_page = move
    scene.check_whole()


@pytest.mark.parametrize("failure", [DIE, refusal(503, "no_leader"), refusal(503, "overloaded"), b"", b"no page",
                                     (200, {"values": []})], ids=str)
def test_a_page_that_failed_is_asked_for_again(scene, failure):
    failed = []

    def fail(worker, n):
        if n % 6 == 2:
            failed.append(n)
            return failure
        return None
    scene.fakes.before_page = fail
    scene.check_whole()
    assert failed


def test_a_leader_that_hangs_loses_its_shards_to_the_next(scene):
    def hang(worker, n):
        if worker.id == 3 and n > 2:
            scene.fakes.lead({**APART, 2: 2})
            return HANG
        return None
    scene.fakes.before_page = hang
    scene.check_whole()


def test_nobody_waits_for_a_leader_that_does_not_come(scene):
    scene.fakes.lead({0: 1, 1: 2, 3: 1, 4: 2})
    wait_until(lambda: scene.daemons.control.ask("/readyz?all").status == 503, 10, "control to miss a leader")
    check_error(scene.scrape(), 503, "no_leader")


def test_an_exposition_waits_for_a_change_of_leaders(scene):
    scene.fakes.lead({0: 1, 1: 2, 3: 1, 4: 2})
    wait_until(lambda: scene.daemons.control.ask("/readyz?all").status == 503, 10, "control to miss a leader")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(scene.scrape)
        wait_until(lambda: len(scene.fakes.asked) >= 2, 5, "the other leaders to be asked")
        scene.fakes.lead(APART)
        assert answer.result().body == scene.fakes.text()


def begun(scene):
    """A scrape of which the first bytes have come; its connection takes the rest."""
    client = scene.daemons.client()
    connection = client._connect()
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {client.token}"})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer


@pytest.mark.parametrize("lost", ["leader", "page", "control"])
def test_what_has_begun_is_cut_off_where_it_cannot_go_on(scene, lost):
    def lose(worker, n):
        if n < 6:
            return None
        if lost == "leader":
            scene.fakes.lead({})
            return None
        if lost == "control":
            scene.daemons.control.signal(signal.SIGTERM)
            return HANG
        return b"no page"
    scene.fakes.before_page = lose
    answer = begun(scene)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)) as raised:
        answer.read()
    got = raised.value.partial if isinstance(raised.value, http.client.IncompleteRead) else b""
    assert scene.fakes.text().startswith(got) and len(got) < len(scene.fakes.text())


def test_few_at_a_time(scene):
    scene.fakes.lead({0: 1, 1: 2, 3: 1, 4: 2})
    wait_until(lambda: scene.daemons.control.ask("/readyz?all").status == 503, 10, "control to miss a leader")
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        answers = [pool.submit(scene.scrape) for _ in range(9)]
        done = next(concurrent.futures.as_completed(answers))
        check_error(done.result(), 503, "overloaded")
        scene.fakes.lead(APART)
        assert sorted(answer.result().status for answer in answers) == [200] * 8 + [503]
