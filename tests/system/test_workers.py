"""Workers asked directly, without a control daemon in front."""
import signal

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.wait import wait_until


def test_only_the_leader_answers_for_a_metric(shared, api, names):
    """A worker answers for the shards it leads and names the leader of the others."""
    used = [next(names) for _ in range(30)]
    api.record_all([item(each, 1) for each in used])
    target = "/metrics?format=json&limit=10000&prefix=" + used[0].rpartition(".")[0]
    query = {"format": "json", "prefix": used[0].rpartition(".")[0] + "."}
    placed = {row["metric_name"]: row["worker"] for row in check_json(api.get("/metrics", query))["metrics"]}
    assert {placed[each] for each in used} == {1, 2, 3}
    for each in used:
        for worker in shared.workers:
            for method, target, body in [("GET", path_of(each), None), ("GET", path_of(each) + "/aggregate", None),
                                         ("POST", "/metrics", item(each, 2))]:
                answer = worker.client().request(method, target, body)
                if worker.id == placed[each]:
                    assert answer.status == 200, answer
                else:
                    check_error(answer, 421, "not_leader")
                    assert str(shared.worker(placed[each]).port) in answer.body.decode(), answer
    assert all(api.values(each)["values"] == [1, 2] for each in used)


def test_batches_are_refused_whole_where_one_item_is_led_elsewhere(shared, api, names):
    used = [next(names) for _ in range(30)]
    answer = shared.workers[0].client().post("/metrics/batch", {"metrics": [item(each, 1) for each in used]})
    check_error(answer, 421, "not_leader")
    assert all(api.get(path_of(each)).status == 404 for each in used)


def test_a_worker_checks_as_control_does(shared, names):
    client = shared.workers[0].client()
    check_error(client.post("/metrics", {"metric_name": "1a", "value": 1}), 422, mentions="metric_name")
    check_error(client.get("/metrics/a?limt=1"), 400, mentions="limt")
    client.token = "wrong"
    check_error(client.get("/health"), 401)


def test_what_was_written_through_a_worker_is_read_through_control(shared, api, names):
    for _ in range(30):
        each = next(names)
        took = [worker for worker in shared.workers if worker.client().post("/metrics",
                                                                            item(each, 7)).status == 200]
        assert len(took) == 1
        assert api.values(each)["values"] == [7]
        assert check_json(took[0].client().get(path_of(each)))["values"] == [7]


def test_a_leader_alone_lists_nothing_linearizable(make_cluster):
    """Its followers hang: whether it still leads it cannot know."""
    cluster = make_cluster()
    cluster.client().record("a", 1)
    target = "/metrics?format=json&level=linearizable"
    listing = check_json(cluster.client().get(target))
    assert [row["metric_name"] for row in listing["metrics"]] == ["a"]
    leader = cluster.worker(listing["metrics"][0]["worker"])
    followers = [worker for worker in cluster.workers if worker is not leader]
    for worker in followers:
        worker.signal(signal.SIGSTOP)
    try:
        check_error(leader.ask(target), 503, "no_leader")
    finally:
        for worker in followers:
            worker.signal(signal.SIGCONT)


def test_a_replica_that_knows_nothing_yet_says_so(make_cluster):
    """Started again alone, it cannot know which of its log was committed: stale would be allowed,
    empty is not."""
    cluster = make_cluster()
    cluster.client().record("a", 1)
    for node in cluster.nodes:
        node.stop()
    worker = cluster.worker(1)
    worker.start()
    check_error(worker.ask(path_of("a") + "?level=none"), 503, "no_leader")
    for each in cluster.workers[1:]:
        each.start()
    wait_until(lambda: worker.ask(path_of("a") + "?level=none").status == 200, 20, "it to know")
