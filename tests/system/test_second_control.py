"""Two control daemons of one cluster, and daemons that belong to another."""
import json

import pytest

from lib.checks import check_json
from lib.client import item, path_of
from lib.wait import wait_until

NAMES = [f"second.control.{i}" for i in range(60)]


def second_control(cluster, name="control-second", **keys):
    """A control daemon beside the first, with the workers named in another order."""
    node = cluster.add_node("control", name, cluster.ports.spare())
    hosts = [{"id": worker.id, "address": f"127.0.0.1:{worker.port}"} for worker in reversed(cluster.workers)]
    cluster.write_config(node, **{"worker_hosts": hosts, **keys})
    return node


def test_the_order_of_the_hosts_does_not_matter(make_cluster):
    cluster = make_cluster()
    second = second_control(cluster)
    second.start()
    one, other = cluster.client(), second.client()
    said = {each: client.record(each, i)["message"] for i,
            each in enumerate(NAMES) for client in [(one, other)[i % 2]]}
    for i, each in enumerate(NAMES):
        reader = (other, one)[i % 2]
        assert reader.values(each)["values"] == [i]
        assert reader.record(each, i + 1)["message"] == said[each]
        assert one.aggregate(each)["count"] == other.aggregate(each)["count"] == 2
    listed = [check_json(client.get("/metrics?format=json"))["metrics"] for client in (one, other)]
    assert listed[0] == listed[1]
    assert check_json(one.delete(path_of(NAMES[0])))["message"].split()[-1] == said[NAMES[0]].split()[-1]
    assert other.get(path_of(NAMES[0])).status == 404


def test_a_plain_list_in_another_order_is_refused_or_harmless(make_cluster):
    """WORKER_HOSTS without ids numbers them 1, 2, 3: the wrong order names the workers wrongly.
    Then nothing may go to a worker that does not lead its shard."""
    cluster = make_cluster()
    hosts = ",".join(f"127.0.0.1:{worker.port}" for worker in reversed(cluster.workers))
    second = second_control(cluster, worker_hosts=None)
    second.start(wait=False, env={"WORKER_HOSTS": hosts})
    wait_until(lambda: second.ask("/livez").status == 200, 10, "the second control daemon to live")
    for i, each in enumerate(NAMES):
        answer = second.client().post("/metrics", item(each, i))
        assert answer.status in (200, 503), answer
        recorded = cluster.client().get(path_of(each))
        assert recorded.status == (200 if answer.status == 200 else 404)
    wait_until(lambda: all(row["leader"] == 1 + row["id"] % 3 for row in cluster.status()["shards"]), 30,
               "the preferred leaders")


def test_the_secret_of_the_cluster_is_needed(make_cluster):
    cluster = make_cluster()
    stranger = second_control(cluster, cluster_secret="another-secret-entirely")
    stranger.start(wait=False)
    wait_until(lambda: stranger.ask("/livez").status == 200, 10, "the stranger to live")
    assert stranger.ask("/readyz").status == 503
    answer = stranger.client().post("/metrics", item(NAMES[0], 1))
    assert answer.status == 503, answer
    assert cluster.client().get(path_of(NAMES[0])).status == 404


@pytest.mark.parametrize("keys", [{"cluster_name": "another"}, {"n_shards": 16}], ids=["name", "shards"])
def test_a_worker_of_another_cluster_is_refused(make_cluster, keys):
    """It comes back with another name or another number of shards, and a directory to go with them:
    neither control nor the other workers have anything to do with it, and two of three suffice."""
    cluster = make_cluster()
    misfit = cluster.worker(2)
    misfit.stop()
    config = json.loads(misfit.config.read_text())
    misfit.config.write_text(json.dumps({**config, **keys, "data_dir": str(cluster.data_directory / "misfit")}))
    misfit.start(wait=False)
    wait_until(lambda: misfit.ask("/livez").status == 200, 10, "the misfit to live")
    cluster.wait_writable()
    client = cluster.client()
    messages = [client.record(each, 1)["message"] for each in NAMES]
    assert all(message.split()[-1] in ("1", "3") for message in messages)
    told = misfit.ask("/status").json()["workers"][0]
    assert told["formed"] is False and told["waiting_for"] == [1, 3], told
    misfit.stop()
    misfit.config.write_text(json.dumps(config))
    misfit.start()
    cluster.wait_writable()


@pytest.mark.parametrize("threads", [2, 4])
def test_several_loops_are_one_daemon(make_cluster, threads):
    cluster = make_cluster(control={"threads": threads})
    clients = [cluster.client() for _ in range(16)]
    for i, each in enumerate(NAMES):
        clients[i % 16].record(each, i)
        assert clients[(i + 7) % 16].values(each)["values"] == [i]
