"""What a store does by itself, on one core: tests/bench/store.c."""
import json
import pathlib
import subprocess

import report

SERIES = (1_000, 100_000, 1_000_000)


def measure(stage):
    program = pathlib.Path(stage.options.binary).resolve().parent / "release" / "bench" / "store"
    return {"apply": [run(program, "apply", str(n)) for n in SERIES], "range": run(program, "range")}


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=300)
    return json.loads(done.stdout)


def aims(found):
    few, _, many = found["apply"]
    yield report.at_least("samples/s applied on a core, a million series", many["samples_a_second"], 3_000_000)
    yield report.under("cost a sample, a million series to a thousand",
                       few["samples_a_second"] / many["samples_a_second"], 1.5)
    yield report.under("bytes a series of ten samples, allocated", many["allocated_a_series"], 1024)


def show(found):
    report.heading("the store, on one core", "samples/s", "bytes/series", "resident")
    for row in found["apply"]:
        report.line(f"{row['series']:,} series", row["samples_a_second"], row["allocated_a_series"],
                    row["resident_a_series"])
    report.line("a range of a million, µs", found["range"]["us_a_range"])
