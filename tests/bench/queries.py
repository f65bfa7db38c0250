"""Aggregates over a million samples of one series, through control."""
import json
import math

import loads
import report
from lib.client import Client

SAMPLES = 1_000_000
BATCH = 10_000
CONNECTIONS = 16
STEPS = 1000
SECOND_MS = 1000
BEGIN_MS = 1_700_000_000_000 // (SAMPLES // STEPS * SECOND_MS) * (SAMPLES // STEPS * SECOND_MS)
N_RANGES = 50
NAME = "bench_series"


def measure(stage):
    with stage.cluster("queries") as cluster:
        fill(cluster)
        check(cluster)
        return {"range": ask(stage, cluster, "ranges", ranges()), "step": ask(stage, cluster, "steps", [stepped()])}


def value_of(number):
    return round(50 + 40 * math.sin(number / 5000) + number * 7919 % 1000 / 100, 2)


def fill(cluster):
    client = Client(cluster.control.port, cluster.token)
    for first in range(0, SAMPLES, BATCH):
        items = [{"metric_name": NAME, "value": value_of(number), "timestamp": BEGIN_MS + number * SECOND_MS}
                 for number in range(first, first + BATCH)]
        answer = client.post("/metrics/batch", {"metrics": items})
        if answer.status != 200:
            raise RuntimeError(f"batch {first}: {answer}")
    client.close()


def check(cluster):
    """What is fast and wrong is worth nothing."""
    client = Client(cluster.control.port, cluster.token)
    found = client.aggregate(NAME, agg="count,max", **{"from": BEGIN_MS + 1000, "to": BEGIN_MS + 900_001_000})
    wanted = {"count": 900_000, "max": max(map(value_of, range(1, 900_001)))}
    rows = client.get(stepped()).json()["series"]
    client.close()
    if {key: found[key] for key in wanted} != wanted or len(rows) != STEPS:
        raise RuntimeError(f"{found}, {len(rows)} steps")


def ranges():
    """Nearly all of it, with other edges each time."""
    return [f"/metrics/{NAME}/aggregate?from={BEGIN_MS + number * 3_000}&to={BEGIN_MS + (SAMPLES - number * 7) * 1000}"
            for number in range(1, N_RANGES + 1)]


def stepped():
    return f"/metrics/{NAME}/aggregate?agg=avg&step={SAMPLES // STEPS}s"


def ask(stage, cluster, label, targets):
    file = stage.directory / f"{label}.txt"
    file.write_text("".join(target + "\n" for target in targets))
    url = f"http://127.0.0.1:{cluster.control.port}/"
    results = [loads.wrk(url, file, cluster.token, CONNECTIONS, stage.options.seconds, loads.GET)
               for _ in range(stage.short_rounds + 1)]
    for result in results:
        if result["refused"] or result["broken"]:
            stage.problem(f"{label}: {json.dumps(result)}")
    return loads.medians(results[1:])  # the first fills the caches


def aims(found):
    yield report.at_least("ranges of 1 million samples, a second", found["range"]["per_second"], 5000)
    yield report.under("their p99, ms", found["range"]["p99_ms"], 10)
    yield report.at_least("1,000 steps over 1 million, a second", found["step"]["per_second"], 300)


def show(found):
    report.heading("aggregates, 1 million samples", "answers/s", "p50 ms", "p99 ms")
    for label, key in (("a range", "range"), ("avg in 1,000 steps", "step")):
        report.line(label, found[key]["per_second"], found[key]["p50_ms"], found[key]["p99_ms"])
