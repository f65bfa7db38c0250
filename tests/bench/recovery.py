"""Restarts of a cluster that holds millions of samples: of one killed worker, and of all."""
import concurrent.futures
import signal
import time

import footprint
import report
import worker_state
from books import Books
from filling import Filling
from lib.client import Client, item
from lib.wait import wait_until
from stage import names_of_shards

PREFIX = "recovery_"
VICTIM = 2
MISSED_SAMPLES = 100_000  # written while the worker was away
CAUGHT_UP_SECONDS = 3
WRITABLE_SECONDS = 6
WAIT_SECONDS = 120


def measure(stage):
    with stage.cluster("recovery") as cluster:
        books = Books(stage, cluster)
        found = fill(cluster, books, stage.options.samples)
        found.update(restart_one(stage, cluster, books))
        found.update(restart_all(cluster, books))
        return found


def fill(cluster, books, n_samples):
    filling = Filling(cluster, PREFIX)
    began = time.monotonic()
    sent = filling.send(n_samples)
    took = time.monotonic() - began
    books.enter(PREFIX, sent)
    books.check_all()
    return {"samples": sent, "fill_per_second": sent / took}


def restart_one(stage, cluster, books):
    victim = cluster.worker(VICTIM)
    others = [worker for worker in cluster.workers if worker is not victim]
    victim.kill()
    accept(cluster, "away_")
    books.enter(PREFIX, Filling(cluster, PREFIX).send(MISSED_SAMPLES))
    books.check_all()
    wanted = worker_state.newest(others)
    began = time.monotonic()
    victim.start(wait=False)
    worker_state.wait_reached(victim, wanted, WAIT_SECONDS)
    caught_up = time.monotonic() - began
    held = {worker.name: samples_of(worker) for worker in cluster.workers}
    if len(set(held.values())) != 1:
        stage.problem(f"caught up, but the workers hold {held} samples")
    memory = {worker.name: footprint.memory_mib(worker.pid)[0] for worker in cluster.workers}
    return {"caught_up_s": caught_up, "rss_mib": memory, "disk_mib": disk_mib(cluster)}


def restart_all(cluster, books):
    for node in cluster.nodes:
        node.signal(signal.SIGKILL)
    for node in cluster.nodes:
        node.wait_gone()
    began = time.monotonic()
    for node in cluster.nodes:
        node.start(wait=False)
    accepted = [moment - began for moment in accept(cluster, "restarted_")]
    cluster.check_running()
    books.check_all()
    return {"first_shard_s": min(accepted), "every_shard_s": max(accepted)}


def accept(cluster, prefix):
    """When each shard accepted a write, each asked by a client of its own until it does."""
    names = names_of_each_shard(cluster, prefix)
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: wait_accepted(cluster, name), names))


def names_of_each_shard(cluster, prefix):
    return wait_until(lambda: names_of_shards(cluster, prefix), WAIT_SECONDS, "control to know the shards")


def wait_accepted(cluster, name):
    wait_until(lambda: is_accepted(cluster, name), WAIT_SECONDS, f"a write of {name} to be accepted")
    return time.monotonic()


def is_accepted(cluster, name):
    client = Client(cluster.control.port, cluster.token)
    try:
        return client.post("/metrics", item(name, 1.5)).status == 200
    finally:
        client.close()


def samples_of(worker):
    return worker.ask("/status").json()["workers"][0]["samples"]


def disk_mib(cluster):
    return {worker.name: sum(path.stat().st_blocks * 512 for path in (cluster.data_directory / worker.name).rglob("*")
                             if path.is_file()) / (1 << 20) for worker in cluster.workers}


def aims(found):
    yield report.under("a restarted worker caught up, s", found["caught_up_s"], CAUGHT_UP_SECONDS)
    yield report.under("all restarted, writable, s", found["every_shard_s"], WRITABLE_SECONDS)


def show(found):
    report.heading("restarts")
    report.line("samples", found["samples"])
    report.line("written, samples/s", found["fill_per_second"])
    report.line("one restarted, caught up, s", found["caught_up_s"])
    report.line("all restarted, first shard, s", found["first_shard_s"])
    report.line("all restarted, every shard, s", found["every_shard_s"])
    for name, mib in found["rss_mib"].items():
        report.line(f"{name}, MiB in memory", mib)
        report.line(f"{name}, MiB on disk", found["disk_mib"][name])
