"""What a process uses, from /proc."""
import os
import pathlib
import re
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid):
    """Resident, and proportional: what is shared counted by its share."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


def observe(pids, seconds):
    """CPU of each process over @seconds of nothing being asked of it, and its memory after."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    began = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    rows = {}
    for name, pid in pids.items():
        rss, pss = memory_mib(pid)
        rows[name] = {"cpu_percent": 100 * (cpu_seconds(pid) - before[name]) / passed,
                      "rss_mib": rss, "pss_mib": pss}
    return rows


def total(rows):
    """Of all processes."""
    return {key: sum(row[key] for row in rows.values()) for key in ("cpu_percent", "rss_mib", "pss_mib")}
