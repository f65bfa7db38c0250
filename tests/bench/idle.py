"""What the four processes use while nothing is asked of them."""
import footprint
import report
from target import Target

CPU_PERCENT = 5
FRESH_MIB = 12
SECONDS = 10
LOAD_CONNECTIONS = 64


def measure(stage):
    with stage.cluster("idle") as cluster:
        found = {"fresh": footprint.observe(cluster.pids(), SECONDS)}
        Target(stage, cluster).singles(LOAD_CONNECTIONS, stage.options.seconds)
        found["after load"] = footprint.observe(cluster.pids(), SECONDS)
    return found


def aims(found):
    for when, daemons in found.items():
        yield report.under(f"idle CPU %, all, {when}", footprint.total(daemons)["cpu_percent"], CPU_PERCENT)
    yield report.under("idle MiB resident, each, fresh", max(row["rss_mib"] for row in found["fresh"].values()),
                       FRESH_MIB)


def show(found):
    report.heading("idle", "CPU %", "RSS MiB", "PSS MiB")
    for when, daemons in found.items():
        for name, row in {**daemons, "all": footprint.total(daemons)}.items():
            report.line(f"{when}, {name}", row["cpu_percent"], row["rss_mib"], row["pss_mib"])
