"""Every example answer of the contract for what exists now, field for field."""
import pytest

from lib.checks import check_error, check_json, check_moment, header, media_type
from lib.client import item, path_of

EXAMPLE_TIME = "2024-11-25T20:59:23.376Z"
EXAMPLE_VALUES = [75.5, 80.2, 70.1]


def worker_of(shared, api, name):
    """The worker that leads the shard of a name that has values, by what /metrics and /status say."""
    listed = check_json(api.get("/metrics", {"format": "json", "prefix": name}))
    worker = next(row["worker"] for row in listed["metrics"] if row["metric_name"] == name)
    assert worker in {shard["leader"] for shard in shared.status()["shards"]}
    return worker


@pytest.fixture
def example(api, name):
    """A metric with the values of the contract's examples."""
    api.record_all([item(name, value, 1732568363000 + i) for i, value in enumerate(EXAMPLE_VALUES)])
    return name


def test_health_of_control(api):
    assert check_json(api.get("/health")) == {
        "status": "healthy", "message": "Control node is operational"}


def test_health_of_workers(shared):
    for worker in shared.workers:
        assert check_json(worker.ask("/health")) == {
            "status": "healthy", "message": f"Worker node {worker.id} is operational"}


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_need_no_token_and_are_text(shared, path):
    for node in shared.nodes:
        client = node.client()
        client.token = None
        for target in (path, path + "?verbose"):
            answer = client.get(target)
            assert answer.status == 200
            assert media_type(answer) == "text/plain"
            assert answer.body.strip()
        client.close()


def test_readyz_of_all_shards(api):
    answer = api.get("/readyz?all")
    assert answer.status == 200
    assert media_type(answer) == "text/plain"


def test_record(shared, api, name):
    answer = api.post("/metrics", item(name, 75.5, EXAMPLE_TIME, {"host": "web-1"}))
    body = check_json(answer)
    assert body == {"success": True, "message": f"Metric recorded on worker {worker_of(shared, api, name)}"}


def test_record_without_optional_fields(shared, api, name):
    body = check_json(api.post("/metrics", {"metric_name": name, "value": 75.5}))
    assert body == {"success": True, "message": f"Metric recorded on worker {worker_of(shared, api, name)}"}
    series = api.values(name, by="series")["series"]
    assert len(series) == 1 and series[0]["labels"] == {} and series[0]["values"] == [75.5]
    check_moment(series[0]["timestamps"][0])


def test_batch(api, name):
    body = check_json(api.post("/metrics/batch", {"metrics": [item(name, value) for value in EXAMPLE_VALUES]}))
    assert body == {"success": True, "message": "3 metrics recorded", "recorded": 3}


def test_values(api, example):
    body = check_json(api.get(path_of(example)))
    check_moment(body.pop("timestamp"))
    assert body == {"metric_name": example, "values": EXAMPLE_VALUES}


def test_values_of_an_unknown_metric(api, name):
    check_error(api.get(path_of(name)), 404, "unknown_metric")


def test_aggregate(api, example):
    body = check_json(api.get(path_of(example) + "/aggregate"))
    check_moment(body.pop("timestamp"))
    assert body == {"metric_name": example, "count": 3, "sum": 225.8, "mean": 75.26666666666667,
                    "min": 70.1, "max": 80.2}


def test_aggregate_of_an_unknown_metric(api, name):
    check_error(api.get(path_of(name) + "/aggregate"), 404, "unknown_metric")


def test_aggregate_of_an_empty_range(api, example):
    body = check_json(api.get(path_of(example) + "/aggregate", {"to": "1999-01-01T00:00:00Z"}))
    check_moment(body.pop("timestamp"))
    assert body["count"] == 0
    assert body["mean"] is None and body["min"] is None and body["max"] is None
    assert set(body) == {"metric_name", "count", "sum", "mean", "min", "max"}


def test_aggregate_whose_sum_overflows(api, name):
    api.record_all([item(name, 1.7e308, 1732568363000), item(name, 1.7e308, 1732568363001)])
    body = api.aggregate(name)
    assert body["sum"] is None and body["overflow"] is True
    assert body["count"] == 2 and body["max"] == 1.7e308


def test_delete(shared, api, example):
    worker = worker_of(shared, api, example)
    assert check_json(api.delete(path_of(example))) == {
        "success": True, "message": f"Metric deleted from worker {worker}"}
    check_error(api.get(path_of(example)), 404, "unknown_metric")
    check_error(api.delete(path_of(example)), 404, "unknown_metric")


def test_listing(shared, api, name):
    api.record_all([item(name + ".b", 1, 1732568363000, {"host": "a"}),
                    item(name + ".b", 2, 1732568363009, {"host": "b"}),
                    item(name + ".b", 3, 1732568363004), item(name + ".a", 4.5)])
    body = check_json(api.get("/metrics", {"prefix": name}, {"Accept": "application/json"}))
    workers = [row.pop("worker") for row in body["metrics"]]
    assert body == {"metrics": [{"metric_name": name + ".a", "series": 1, "count": 1, "last": 4.5},
                                {"metric_name": name + ".b", "series": 3, "count": 3, "last": 2}],
                    "next": None}
    assert all(worker in (1, 2, 3) for worker in workers)


def test_missing_token(api):
    api.token = None
    answer = api.get("/health")
    check_error(answer, 401)
    assert header(answer, "WWW-Authenticate").startswith("Bearer")
