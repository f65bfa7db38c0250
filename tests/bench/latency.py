"""A client that is alone: its writes one after the other, and its first after a pause.

The one after the other are wrk's, with one connection, and are compared with what the disk itself
takes for one block. The first after a pause are sent from Python, whose few tenths of a
millisecond are in the figure."""
import itertools
import time

import disk
import loads
import report
from lib.client import item
from stage import names_of_shards
from target import Target

OVER_DISK_MS = 1.5
AFTER_PAUSE_MS = 60
N_PAUSES = 20
PAUSE_SECONDS = 1
WARM_SECONDS = 1


def measure(stage):
    with stage.cluster("latency") as cluster:
        pauses = measure_pauses(cluster)
        found, blocks = [], []
        target = Target(stage, cluster)
        target.singles(1, WARM_SECONDS)
        for _ in range(stage.options.rounds):
            blocks.append(disk.write_times(stage.directory))
            found.append(target.singles(1, stage.short_seconds))
    alone = loads.medians(found)
    block = {key: sorted(one[key] for one in blocks)[len(blocks) // 2] for key in blocks[0]}
    return {"disk": block, "alone": alone, "over_disk_ms": alone["p50_ms"] - block["p50_ms"], **pauses}


def measure_pauses(cluster):
    """Each shard in turn, on one connection; the first of all is of a shard that was never written to."""
    client = cluster.client()
    names = names_of_shards(cluster, "latency_")
    first = [write_ms(client, name) for name in names]
    after = []
    for name in itertools.islice(itertools.cycle(names), N_PAUSES):
        time.sleep(PAUSE_SECONDS)
        after.append(write_ms(client, name))
    client.close()
    return {"first_of_all": disk.summary(first), "after_pause": disk.summary(after)}


def write_ms(client, name):
    began = time.perf_counter()
    answer = client.post("/metrics", item(name, 1.5))
    took = 1000 * (time.perf_counter() - began)
    if answer.status != 200:
        raise RuntimeError(f"{name}: {answer}")
    return took


def aims(found):
    yield report.under("lone write over disk, ms", found["over_disk_ms"], OVER_DISK_MS)
    yield report.under("first after a pause, max ms", found["after_pause"]["max_ms"], AFTER_PAUSE_MS)


def show(found):
    report.heading("a lone client", "p50 ms", "p99 ms", "max ms")
    for label, row in (("the disk, one block", found["disk"]), ("one write after the other", found["alone"]),
                       ("first write after a pause", found["after_pause"]),
                       ("first write of all", found["first_of_all"])):
        report.line(label, row["p50_ms"], row["p99_ms"], row["max_ms"])
