#!/usr/bin/python3
"""Measures a cluster of three workers and three replicas on this machine, and says which aims are met.

    tests/bench/bench.py --binary build/raftmetrics --output build/bench.json [--only PART...]

Each part has a file of its own, with measure(), aims() and show(). A missed aim does not fail the
run; a wrong or missing answer does."""
import argparse
import datetime
import importlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import disk  # noqa: E402
import report  # noqa: E402

PARTS = ("single", "batch", "names", "shards", "latency", "failover", "recovery", "idle", "queries", "store")
SAMPLES = 5_000_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="of what is compared; others have fewer")
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of a cluster that is restarted")
    parser.add_argument("--data-dir", type=pathlib.Path, help="on the disk to measure; default: beside the output")
    return parser.parse_args()


def measure(options, directory):
    # Only now: they read the binary's name from the environment.
    from lib.cluster import Cluster
    from stage import Stage

    Cluster.made_in = directory
    stage = Stage(options, directory)
    found, aims = {}, []
    for name in options.only:
        part = importlib.import_module(name)
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            found[name] = part.measure(stage)
        except Exception as error:  # the other parts are worth their figures
            traceback.print_exc()
            stage.problem(f"{name}: {error!r}")
            continue
        part.show(found[name])
        aims += part.aims(found[name])
    return {**found, "aims": aims, "problems": stage.problems, "notes": stage.notes}


def run(options, directory):
    found = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "cores": os.cpu_count(), "load_average_before": os.getloadavg()[0],
             "file_system": disk.file_system(directory)}
    if disk.is_in_memory(found["file_system"]):
        sys.exit(f"{directory} is in memory: name a directory on a disk with --data-dir")
    print(f"data on {found['file_system']['type']}, {found['cores']} cores, "
          f"load average {found['load_average_before']:.1f}", flush=True)
    found.update(measure(options, directory))
    return found


def main():
    options = arguments()
    os.environ["RAFTMETRICS_BIN"] = str(pathlib.Path(options.binary).resolve())
    output = pathlib.Path(options.output)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=options.data_dir or output.parent)).resolve()
    try:
        found = run(options, directory)
    finally:
        shutil.rmtree(directory)
    output.write_text(json.dumps(found, indent=2) + "\n")
    report.show_aims(found["aims"])
    for note in found["notes"]:
        print(f"note: {note}")
    for problem in found["problems"]:
        print(f"PROBLEM: {problem}")
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
