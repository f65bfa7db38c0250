"""limit and cursor: pages side by side are the whole, nothing twice, nothing missing."""
import random

import pytest

from lib.checks import check_json
from lib.client import item, path_of

MS = 1732568363376


def pages_of(api, name, **query):
    """All pages, the newest first, as the cursor leads."""
    pages = [api.values(name, **query)]
    while "next" in pages[-1]:
        assert len(pages) < 1000, "the cursor leads nowhere"
        pages.append(api.values(name, cursor=pages[-1]["next"], **query))
    return pages


def test_a_whole_answer_says_nothing_of_paging(api, name):
    api.record_all([item(name, i, MS + i) for i in range(5)])
    for answer in (api.values(name), api.values(name, limit=5)):
        assert set(answer) == {"metric_name", "values", "timestamp"}


def test_limit_takes_the_newest(api, name):
    api.record_all([item(name, i, MS + i) for i in range(10)])
    answer = api.values(name, limit=3)
    assert answer["values"] == [7, 8, 9]
    assert answer["truncated"] is True and answer["total"] == 10 and isinstance(answer["next"], str)


def test_the_default_limit(api, name):
    for start in (0, 6000):
        api.record_all([item(name, i, MS + i) for i in range(start, start + 6000)])
    answer = api.values(name)
    assert answer["values"] == list(range(2000, 12000))
    assert answer["truncated"] is True and answer["total"] == 12000
    assert api.values(name, limit=1_000_000)["values"] == list(range(12000))


@pytest.mark.parametrize("limit", [1, 7, 100, 299, 300, 301])
def test_pages_make_the_whole(api, name, limit):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    # Few distinct times and several series: pages end between values of one time.
    api.record_all([item(name, i, MS + rng.randrange(12), {"s": str(rng.randrange(5))}) for i in range(300)])
    whole = api.values(name, timestamps="true")
    pages = pages_of(api, name, limit=limit, timestamps="true")
    assert [len(page["values"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    for field in ("values", "timestamps"):
        assert sum((page[field] for page in reversed(pages)), []) == whole[field]
    assert all(page["total"] == 300 for page in pages if "total" in page)
    assert sorted(whole["values"]) == list(range(300))


def test_equal_times_are_in_commit_order(api, name):
    for start in range(0, 60, 20):
        api.record_all([item(name, i, MS, {"s": str(i % 3)}) for i in range(start, start + 20)])
    assert sum((page["values"] for page in reversed(pages_of(api, name, limit=7))), []) == list(range(60))


def test_pages_stay_put_while_newer_values_arrive(api, name):
    api.record_all([item(name, i, MS + i) for i in range(50)])
    page, seen = api.values(name, limit=10), []
    seen = page["values"]
    for extra in range(4):
        api.record(name, 1000 + extra, MS + 1000 + extra)
        page = api.values(name, limit=10, cursor=page["next"])
        seen = page["values"] + seen
    assert seen == list(range(50))


def test_pages_keep_to_the_filter(api, name):
    api.record_all([item(name, i, MS + i, {"s": str(i % 2)}) for i in range(100)])
    query = {"label": "s:1", "from": MS + 10, "to": MS + 90, "limit": 9}
    assert sum((page["values"] for page in reversed(pages_of(api, name, **query))), []) == list(range(11, 90, 2))


def test_series_are_paged_like_values(api, name):
    api.record_all([item(name, i, MS + i, {"s": str(i % 3)}) for i in range(30)])
    merged = {}
    for page in reversed(pages_of(api, name, limit=4, by="series")):
        assert "values" not in page
        assert sum(len(row["values"]) for row in page["series"]) <= 4
        for row in page["series"]:
            assert set(row) == {"labels", "values", "timestamps"} and len(row["values"]) == len(row["timestamps"])
            merged.setdefault(row["labels"]["s"], []).extend(row["values"])
    assert merged == {str(s): list(range(s, 30, 3)) for s in range(3)}


def test_timestamps_are_parallel(api, name):
    api.record_all([item(name, i, MS + 1000 * i) for i in range(3)])
    assert api.values(name, timestamps="true")["timestamps"] == [
        "2024-11-25T20:59:23.376Z", "2024-11-25T20:59:24.376Z", "2024-11-25T20:59:25.376Z"]
    assert "timestamps" not in api.values(name, timestamps="false")


def test_a_listing_is_sorted_and_paged(api, name):
    wanted = sorted(f"{name}.{i}" for i in range(57))
    api.record_all([item(each, 1) for each in random.sample(wanted, len(wanted))])
    query, seen = {"prefix": name + ".", "limit": 10, "format": "json"}, []
    while True:
        answer = check_json(api.get("/metrics", query))
        assert len(answer["metrics"]) <= 10
        seen += [row["metric_name"] for row in answer["metrics"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert seen == wanted


def test_a_listing_of_many_is_whole_and_in_order(api, name):
    """A worker writes it piece by piece."""
    numbers = random.Random(7).sample(range(10**6), 4000)
    api.record_all([item(f"{name}.{number:06d}", number) for number in numbers])
    expected = [(f"{name}.{number:06d}", number) for number in sorted(numbers)]
    for limit, n_pages in [(10000, 1), (4000, 1), (3999, 2), (700, 6)]:
        query, pages = {"prefix": name + ".", "limit": limit, "format": "json"}, []
        while not pages or pages[-1]["next"] is not None:
            pages.append(check_json(api.get("/metrics", query)))
            query["cursor"] = pages[-1]["next"]
        listed = [(row["metric_name"], row["last"]) for page in pages for row in page["metrics"]]
        assert listed == expected
        assert [len(page["metrics"]) for page in pages[:-1]] == [limit] * (n_pages - 1)


def test_a_listing_that_fits_has_no_next(api, name):
    api.record_all([item(f"{name}.{i}", 1) for i in range(10)])
    answer = check_json(api.get("/metrics", {"prefix": name + ".", "limit": 10, "format": "json"}))
    assert len(answer["metrics"]) == 10 and answer["next"] is None


def test_a_cursor_of_another_metric_does_no_harm(api, names):
    one, other = next(names), next(names)
    for each in (one, other):
        api.record_all([item(each, i, MS + i) for i in range(5)])
    cursor = api.values(one, limit=2)["next"]
    assert api.get(path_of(other), {"cursor": cursor}).status in (200, 400)
