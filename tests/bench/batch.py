"""Batches of 1,000 values over 100 names, each replicated."""
import loads
import report
from target import Target

CONNECTIONS = (4, 8, 16)
VALUES_PER_SECOND = 600_000
WARM_SECONDS = 1


def measure(stage):
    with stage.cluster("batch") as cluster:
        target = Target(stage, cluster)
        return [{"connections": connections, **measure_at(stage, target, connections)}
                for connections in CONNECTIONS]


def measure_at(stage, target, connections):
    target.batches(connections, WARM_SECONDS)
    return loads.medians([target.batches(connections, stage.options.seconds) for _ in range(stage.short_rounds)])


def aims(rows):
    yield report.at_least("values/s in batches, best", max(row["values_per_second"] for row in rows),
                          VALUES_PER_SECOND)


def show(rows):
    report.heading("batches of 1,000", "connections", "values/s", "p50 ms", "p99 ms", "p99/p50")
    for row in rows:
        report.line("raftmetrics", row["connections"], row["values_per_second"], row["p50_ms"], row["p99_ms"],
                    row["tail"])
