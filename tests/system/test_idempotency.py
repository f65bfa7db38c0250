"""Idempotency-Key: the same request again is recorded once and answered the same."""
import concurrent.futures
import uuid

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.placement import DEFAULT_SHARDS, shard_of


@pytest.fixture
def key():
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_a_repeated_write_is_recorded_once(api, name, key):
    answers = [api.post("/metrics", item(name, 75.5), headers=key) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert len({answer.body for answer in answers}) == 1
    assert api.values(name)["values"] == [75.5]


def test_without_a_key_each_is_recorded(api, name):
    for _ in range(3):
        api.post("/metrics", item(name, 75.5))
    assert api.aggregate(name)["count"] == 3


def test_an_implicit_timestamp_is_that_of_the_first(api, name, key):
    api.post("/metrics", item(name, 1), headers=key)
    first = api.values(name, timestamps="true")["timestamps"]
    api.post("/metrics", item(name, 1), headers=key)
    assert api.values(name, timestamps="true")["timestamps"] == first


def test_a_repeated_batch_is_recorded_once(api, names, key):
    used = [next(names) for _ in range(50)]
    body = {"metrics": [item(each, i) for i, each in enumerate(used)]}
    answers = [api.post("/metrics/batch", body, headers=key) for _ in range(2)]
    assert [check_json(answer) for answer in answers] == [
        {"success": True, "message": "50 metrics recorded", "recorded": 50}] * 2
    assert [api.values(each)["values"] for each in used] == [[i] for i in range(50)]


@pytest.mark.parametrize("change", [lambda made: {**made, "value": 2},
                                    lambda made: {**made, "labels": {"a": "b"}}])
def test_another_body_is_refused(api, name, key, change):
    made = item(name, 1)
    api.record(name, 1, headers=key)
    check_error(api.post("/metrics", change(made), headers=key), 422, mentions="Idempotency-Key")
    assert api.values(name)["values"] == [1]


def test_the_body_counts_as_sent(api, name, key):
    """The same JSON in other bytes is another body."""
    assert api.post("/metrics", f'{{"metric_name": "{name}", "value": 1}}', headers=key).status == 200
    check_error(api.post("/metrics", f'{{"value": 1, "metric_name": "{name}"}}', headers=key), 422)
    assert api.values(name)["values"] == [1]


def test_keys_of_different_requests_are_different(api, name):
    for number in range(5):
        api.record(name, 1, headers={"Idempotency-Key": f"{name}-{number}"})
    assert api.aggregate(name)["count"] == 5


def test_a_refused_request_leaves_its_key_free(api, name, key):
    check_error(api.post("/metrics", item(name, "x"), headers=key), 422)
    api.record(name, 1, headers=key)
    assert api.values(name)["values"] == [1]


def test_delete_takes_a_key(api, name, key):
    api.record(name, 1)
    first = check_json(api.delete(path_of(name), headers=key))
    api.record(name, 2)
    assert check_json(api.delete(path_of(name), headers=key)) == first
    assert api.values(name)["values"] == [2]


def test_a_key_of_a_write_is_not_one_of_a_delete(api, name, key):
    api.record(name, 1, headers=key)
    check_error(api.delete(path_of(name), headers=key), 422)
    assert api.values(name)["values"] == [1]


def test_repetitions_at_the_same_moment(shared, name, key):
    """Many clients send the identical request at once."""
    def send(_):
        client = shared.client()
        try:
            return client.post("/metrics", item(name, 1), headers=key)
        finally:
            client.close()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(64)))
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.body for answer in answers}) == 1
    assert shared.client().values(name)["values"] == [1]


def test_a_key_is_remembered_by_each_shard_of_its_batch(api, names, key):
    """The batch under the key touched every shard, so a single write under it is refused."""
    used = [next(names) for _ in range(200)]
    api.post("/metrics/batch", {"metrics": [item(each, 1) for each in used]}, headers=key)
    for each in used[:30]:
        check_error(api.post("/metrics", item(each, 2), headers=key), 422)


def test_a_batch_that_conflicts_in_one_shard_says_why(api, names, key):
    """To send the same again would be refused for ever."""
    used = [next(names) for _ in range(40)]
    assert api.post("/metrics/batch", {"metrics": [item(used[0], 1)]}, headers=key).status == 200
    answer = api.post("/metrics/batch", {"metrics": [item(each, 2) for each in used]}, headers=key)
    body = check_error(answer, 503, "partially_recorded", "another Idempotency-Key")
    same_shard = [i for i, each in enumerate(used) if shard_of(each, DEFAULT_SHARDS) == shard_of(used[0], DEFAULT_SHARDS)]
    others = [i for i in range(len(used)) if i not in same_shard]
    assert others and (body["recorded"], body["not_recorded"], body["unknown"]) == (others, same_shard, [])
    assert [(each["error"], each["metrics"]) for each in body["refused"]] == [("idempotency_conflict", same_shard)]
    rest = {"metrics": [item(used[i], 2) for i in body["not_recorded"]]}
    assert api.post("/metrics/batch", rest, headers={"Idempotency-Key": str(uuid.uuid4())}).status == 200
    assert [api.values(each)["values"] for each in used] == [[1, 2]] + [[2]] * (len(used) - 1)
