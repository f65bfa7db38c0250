"""Whatever the tests before this one recorded, in the cluster that they share, can be scraped."""
import pytest

from lib import exposition


@pytest.mark.parametrize("form", ["prometheus", "openmetrics"])
def test_all_that_was_recorded_is_exposed(shared, api, name, form):
    api.record(name, 75.5)
    answer = api.get("/metrics", {"format": form})
    assert answer.status == 200, answer
    assert exposition.parse(answer.body, form == "openmetrics")[name.replace(".", "_") + "_last"].type == "gauge"
