"""Single values through control and three replicas, beside nginx that proxies an empty answer.

Ours and nginx (twice, see nginx.py) take turns, several rounds each, and medians are compared: on a
shared machine the ratio means more than the figure."""
import contextlib

import loads
import report
from lib.ports import take_ports
from nginx import NginxPair
from target import Target

CONNECTIONS = (64, 256)
OURS = "raftmetrics"
PLAIN = "nginx"
TUNED = "nginx tuned"
TIMES_PLAIN = {64: 1.1, 256: 1.4}
TAIL = 3
WARM_SECONDS = 2


def measure(stage):
    with stage.cluster("single") as cluster, nginxes(stage) as pairs:
        target = Target(stage, cluster)
        asked = {who: lambda *load, url=pair.url: theirs(stage, url, *load) for who, pair in pairs.items()}
        asked[OURS] = target.singles
        return [beside(stage, asked, connections) for connections in CONNECTIONS]


@contextlib.contextmanager
def nginxes(stage):
    ports = take_ports(3)
    try:
        with (NginxPair(stage.directory / "nginx", ports.base, ports.base + 1, 32) as plain,
              NginxPair(stage.directory / "tuned", ports.base + 2, ports.base + 3, 1024) as tuned):
            yield {PLAIN: plain, TUNED: tuned}
    finally:
        ports.release()


def beside(stage, asked, connections):
    found = {who: [] for who in asked}
    for turn in range(1 + stage.options.rounds):
        for who, load in asked.items():
            found[who].append(load(connections, stage.options.seconds if turn else WARM_SECONDS))
    # The first turn warmed up.
    return {"connections": connections, **{who: loads.medians(results[1:]) for who, results in found.items()}}


def theirs(stage, url, connections, seconds):
    bodies = stage.directory / "nginx.txt"
    loads.write_singles(bodies, "bench_")
    result = loads.wrk(url, bodies, "none", connections, seconds)
    if result["refused"] or result["broken"]:
        stage.problem(f"{url} at {connections}: {result}")
    return result


def times(row, who):
    return row[OURS]["per_second"] / row[who]["per_second"]


def aims(rows):
    for row in rows:
        at = row["connections"]
        yield report.at_least(f"times nginx at {at}", times(row, PLAIN), TIMES_PLAIN[at])
        yield report.under(f"p99 / median at {at}", row[OURS]["tail"], TAIL)


def show(rows):
    report.heading("single values, 100 names", "connections", "values/s", "p50 ms", "p99 ms", "p99/p50",
                   "ours/theirs")
    for row in rows:
        for who in (PLAIN, TUNED, OURS):
            one = row[who]
            report.line(who, row["connections"], one["per_second"], one["p50_ms"], one["p99_ms"], one["tail"],
                        "" if who == OURS else times(row, who))
