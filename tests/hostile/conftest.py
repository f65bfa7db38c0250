import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("lib")

from lib.checks import check_json  # noqa: E402
from lib.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture(autouse=True)
def unharmed(shared):
    """After each test: the same processes, they answer, and nothing was recorded but under names
    that begin with good."""
    pids, names = shared.pids(), listed(shared)
    yield
    shared.check_running()
    assert shared.pids() == pids
    for node in shared.nodes:
        assert node.ask("/livez").status == 200
        assert node.ask("/health").status == 200
    assert listed(shared) == names


def listed(shared):
    client = shared.client()
    answer = check_json(client.get("/metrics?format=json&limit=10000"))
    client.close()
    assert answer["next"] is None
    return {row["metric_name"] for row in answer["metrics"] if not row["metric_name"].startswith("good")}
