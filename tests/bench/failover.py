"""kill -9 of a worker that leads some shards, while a client of each shard writes: when the writes to
its shards are accepted again, and whether those to the others noticed."""
import collections
import contextlib
import time

import report
import worker_state
from books import Books
from lib.wait import wait_until
from shard_writer import ShardWriter
from stage import leaders, names_of_shards

N_KILLS = 3
ACCEPTED_SECONDS = 3
# An election takes a second: who waited for less than this did not wait for one.
INTERRUPTED_MS = 500
WARM_WRITES = 20
WAIT_SECONDS = 30
WATCHED_SECONDS = 3
CAUGHT_UP_SECONDS = 60


def measure(stage):
    with stage.cluster("failover") as cluster:
        books = Books(stage, cluster)
        names = names_of_shards(cluster, "failover_")
        return [measure_kill(cluster, turn, names, books) for turn in range(N_KILLS)]


def measure_kill(cluster, turn, names, books):
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(ShardWriter(cluster, shard, name)) for shard, name in enumerate(names)]
        wait_until(lambda: all(len(writer.writes) >= WARM_WRITES for writer in writers), WAIT_SECONDS,
                   "every shard to be written to")
        led = leaders(cluster)
        victim = cluster.worker(victim_of(led, turn))
        killed = time.monotonic()
        victim.kill()
        wait_until(lambda: all(writer.first_accepted(killed) for writer in writers), WAIT_SECONDS,
                   "writes to every shard to be accepted again")
        time.sleep(max(0, killed + WATCHED_SECONDS - time.monotonic()))
    row = judge(writers, killed, {shard for shard, leader in led.items() if leader == victim.id})
    for writer in writers:
        writer.enter_into(books)
    books.check_all()
    victim.start()
    worker_state.wait_reached(victim, worker_state.newest(set(cluster.workers) - {victim}), CAUGHT_UP_SECONDS)
    return row


def victim_of(led, turn):
    """A worker that leads some shards, and not all: another one each turn where that can be."""
    some = sorted(worker for worker, n in collections.Counter(led.values()).items() if n < len(led))
    if not some:
        raise RuntimeError(f"one worker leads every shard: {led}")
    return some[turn % len(some)]


def judge(writers, killed, led):
    lost = [writer for writer in writers if writer.shard in led]
    others = [writer for writer in writers if writer.shard not in led]
    return {"shards_led": len(lost),
            "accepted_again_s": max(writer.first_accepted(killed) for writer in lost) - killed,
            "of_led": outcome(lost, killed), "of_others": outcome(others, killed),
            "before": outcome(writers, 0, killed)}


def outcome(writers, since, until=float("inf")):
    writes = [write for writer in writers for write in writer.across(since) if write.ended < until]
    return {"writes": len(writes), "slowest_ms": 1000 * max(write.ended - write.began for write in writes),
            "failed": collections.Counter(write.code or "no answer" for write in writes if not write.ok)}


def aims(rows):
    yield report.under("leader killed, writes again, s", max(row["accepted_again_s"] for row in rows),
                       ACCEPTED_SECONDS)
    yield report.under("other shards, slowest write, ms", max(row["of_others"]["slowest_ms"] for row in rows),
                       INTERRUPTED_MS)
    yield report.under("other shards, failed writes", sum(row["of_others"]["failed"].total() for row in rows), 1)


def show(rows):
    report.heading("a leader is killed", "shards led", "again, s", "writes", "failed", "slowest ms")
    for turn, row in enumerate(rows, 1):
        report.line(f"kill {turn}, its shards", row["shards_led"], row["accepted_again_s"], *figures(row["of_led"]))
        report.line(f"kill {turn}, the others", "", "", *figures(row["of_others"]))
        report.line(f"before kill {turn}", "", "", *figures(row["before"]))


def figures(found):
    return found["writes"], found["failed"].total(), found["slowest_ms"]
