"""The disk that the data directories are on, and what one write to it takes."""
import math
import mmap
import os
import pathlib
import statistics
import time

BLOCK = 4096
N_WRITES = 300
IN_MEMORY = {"tmpfs", "ramfs"}


def file_system(directory):
    """Of the mount that holds the directory, as the kernel says it."""
    device = os.stat(directory).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        if fields[2] == wanted:
            kind, source = fields[fields.index("-") + 1:][:2]
            return {"type": kind, "source": source}
    return {"type": "unknown", "source": wanted}


def is_in_memory(found):
    return found["type"] in IN_MEMORY


def write_times(directory):
    """Writes one block after the other to a file allocated before, each past every cache before the
    next: what a log does. Python adds microseconds to each."""
    path = directory / "disk.bin"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT | os.O_DSYNC, 0o600)
    try:
        os.posix_fallocate(fd, 0, N_WRITES * BLOCK)
        with mmap.mmap(-1, BLOCK) as block:  # aligned, as O_DIRECT wants it
            block.write(os.urandom(BLOCK))
            return summary([_write_ms(fd, block, number) for number in range(N_WRITES)])
    finally:
        os.close(fd)
        path.unlink()


def _write_ms(fd, block, number):
    began = time.perf_counter()
    if os.pwrite(fd, block, number * BLOCK) != BLOCK:
        raise OSError("a short write")
    return 1000 * (time.perf_counter() - began)


def summary(times_ms):
    ordered = sorted(times_ms)
    return {"p50_ms": statistics.median(ordered), "p99_ms": ordered[math.ceil(0.99 * len(ordered)) - 1],
            "max_ms": ordered[-1]}
