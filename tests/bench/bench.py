#!/usr/bin/python3
"""Measures a cluster beside nginx, in one run, and says which aims are met.

    tests/bench/bench.py --binary build/raftmetrics --output build/bench.json

Ours and nginx (twice, see nginx.py) take turns, several rounds each, and medians are compared: on a
shared machine the ratio means more than the figure. After each load the cluster is asked how much it recorded, which
must be what it answered for. A missed aim does not fail the run; a wrong or missing answer does."""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import footprint  # noqa: E402
import loads  # noqa: E402
import report  # noqa: E402

SINGLE_CONNECTIONS = (64, 256)
BATCH_CONNECTIONS = (4, 8, 16)
TOKEN = "local-dev-token-123"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    return parser.parse_args()


class Bench:
    def __init__(self, cluster, nginxes, directory, options):
        self.cluster = cluster
        self.nginxes = nginxes
        self.directory = directory
        self.options = options
        self.problems = []
        self._loads = 0

    def ours(self, kind, connections, seconds):
        """A load on the cluster under names of its own, checked and deleted afterwards."""
        self._loads += 1
        prefix = f"bench_{self._loads}"
        bodies = self.directory / f"{prefix}.txt"
        path, items, write = {"single": ("/metrics", 1, loads.write_singles),
                              "batch": ("/metrics/batch", loads.BATCH_ITEMS, loads.write_batches)}[kind]
        write(bodies, prefix)
        url = f"http://127.0.0.1:{self.cluster.control.port}{path}"
        result = loads.wrk(url, bodies, TOKEN, connections, seconds)
        result["values_per_second"] = result["per_second"] * items
        self._check(f"{kind} at {connections}", prefix, result, items, connections)
        return result

    def theirs(self, who, connections, seconds):
        bodies = self.directory / "nginx.txt"
        loads.write_singles(bodies, "bench_0")
        result = loads.wrk(self.nginxes[who].url, bodies, TOKEN, connections, seconds)
        if result["refused"] or result["broken"]:
            self.problems.append(f"{who} at {connections}: {result}")
        return result

    def _check(self, what, prefix, result, items, connections):
        if result["refused"] or result["broken"]:
            self.problems.append(f"{what}: {result['refused']} refused, {result['broken']} broken")
        client = self.cluster.client()
        rows = client.get(f"/metrics?format=json&limit=1000&prefix={prefix}_").json()["metrics"]
        recorded = sum(row["count"] for row in rows)
        # wrk hangs up when its time is over; what was under way then may have been recorded, its
        # answer was not counted.
        least, most = result["answered"] * items, (result["answered"] + connections) * items
        if not least <= recorded <= most:
            self.problems.append(f"{what}: {least} values answered for, {recorded} recorded")
        result["recorded"] = recorded
        for row in rows:
            client.delete(f"/metrics/{row['metric_name']}")
        client.close()

    def singles(self):
        rows = []
        for connections in SINGLE_CONNECTIONS:
            found = {who: [] for who in (*self.nginxes, "raftmetrics")}
            for turn in range(1 + self.options.rounds):
                for who, results in found.items():
                    results.append(self._single(who, connections, self.options.seconds if turn else 2))
            # The first turn warmed up.
            rows.append({"connections": connections,
                         **{who: medians(results[1:]) for who, results in found.items()}})
        return rows

    def _single(self, who, connections, seconds):
        if who == "raftmetrics":
            return self.ours("single", connections, seconds)
        return self.theirs(who, connections, seconds)

    def batches(self):
        rows = []
        for connections in BATCH_CONNECTIONS:
            self.ours("batch", connections, 1)
            found = [self.ours("batch", connections, self.options.seconds)
                     for _ in range(max(1, self.options.rounds // 2))]
            rows.append({"connections": connections, "raftmetrics": medians(found)})
        return rows


def medians(results):
    """Of each figure over the rounds; and every round's requests a second, for their spread."""
    row = {key: statistics.median(result[key] for result in results) for key in results[0]}
    row["tail"] = statistics.median(result["p99_ms"] / result["p50_ms"] for result in results)
    row["rounds_per_second"] = [round(result["per_second"]) for result in results]
    return row


def measure(options, directory):
    # Only now: it reads the binary's name from the environment.
    from lib.cluster import Cluster
    from lib.ports import take_ports
    from nginx import NginxPair

    cluster = Cluster(3, token=TOKEN, log_level="warn", label="bench")
    ports = take_ports(3)
    failed = True
    try:
        cluster.start()
        idle = {"fresh": footprint.observe(cluster.pids(), 5)}
        with (NginxPair(directory / "nginx", ports.base, ports.base + 1, 32) as plain,
              NginxPair(directory / "tuned", ports.base + 2, ports.base + 3, 1024) as tuned):
            bench = Bench(cluster, {"nginx": plain, "nginx tuned": tuned}, directory, options)
            singles, batches = bench.singles(), bench.batches()
        idle["after load"] = footprint.observe(cluster.pids(), 5)
        failed = False
    finally:
        ports.release()
        cluster.finish(failed)
    return {"single": singles, "batch": batches, "idle": idle, "problems": bench.problems}


def main():
    options = arguments()
    os.environ["RAFTMETRICS_BIN"] = str(pathlib.Path(options.binary).resolve())
    found = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "cores": os.cpu_count(), "load_average_before": os.getloadavg()[0]}
    directory = pathlib.Path(tempfile.mkdtemp(prefix="raftmetrics-bench-"))
    try:
        found.update(measure(options, directory))
    finally:
        shutil.rmtree(directory)
    found["aims"] = report.aims(found)
    pathlib.Path(options.output).write_text(json.dumps(found, indent=2) + "\n")
    report.show(found)
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
