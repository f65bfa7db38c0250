"""Single values to clusters of few and of many shards, and what the shards cost while nothing is
asked: from this the default is chosen."""
import footprint
import names
import report
from target import Target

N_SHARDS = (3, 6, 8, 16, 32)
CONNECTIONS = (64, 256)
IDLE_SECONDS = 4


def measure(stage):
    return [measure_with(stage, n_shards) for n_shards in N_SHARDS]


def measure_with(stage, n_shards):
    with stage.cluster(f"shards-{n_shards}", n_shards=n_shards) as cluster:
        idle = footprint.total(footprint.observe(cluster.pids(), IDLE_SECONDS))
        target = Target(stage, cluster)
        loads = [{"connections": connections, **names.measure_at(stage, target, connections)}
                 for connections in CONNECTIONS]
    return {"shards": n_shards, "idle": idle, "loads": loads}


def aims(_):
    return ()


def show(rows):
    report.heading("single values, by shards", "connections", "values/s", "p50 ms", "p99 ms", "p99/p50", "idle CPU %",
                   "idle MiB")
    for row in rows:
        for load in row["loads"]:
            report.line(f"{row['shards']} shards", load["connections"], load["per_second"], load["p50_ms"],
                        load["p99_ms"], load["tail"], row["idle"]["cpu_percent"], row["idle"]["rss_mib"])
