"""Single values under one name, which is one shard and so one leader, and under many."""
import loads
import report
from target import Target

N_NAMES = (1, 100, 10000)
CONNECTIONS = (64, 256)
WARM_SECONDS = 1


def measure(stage):
    with stage.cluster("names") as cluster:
        target = Target(stage, cluster)
        return [{"names": n_names, "connections": connections, **measure_at(stage, target, connections, n_names)}
                for n_names in N_NAMES for connections in CONNECTIONS]


def measure_at(stage, target, connections, n_names=loads.N_NAMES):
    target.singles(connections, WARM_SECONDS, n_names)
    return loads.medians([target.singles(connections, stage.short_seconds, n_names)
                          for _ in range(stage.short_rounds)])


def aims(_):
    return ()


def show(rows):
    report.heading("single values, by names", "connections", "values/s", "p50 ms", "p99 ms", "p99/p50")
    for row in rows:
        report.line(f"{row['names']:,} names", row["connections"], row["per_second"], row["p50_ms"], row["p99_ms"],
                    row["tail"])
