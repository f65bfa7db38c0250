"""What comes with the engine says so instead of half working."""
import pytest

from lib.checks import check_error
from lib.client import path_of

@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; version=0.0.4",
                                          "application/openmetrics-text"])
def test_text_batches(api, name, content_type):
    answer = api.post("/metrics/batch", f"{name} 75.5\n", headers={"Content-Type": content_type})
    check_error(answer, 501, "not_implemented")
    check_error(api.get(path_of(name)), 404, "unknown_metric")
