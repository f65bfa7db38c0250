"""Free blocks of ports on 127.0.0.1, so that test runs beside each other do not collide.

A block starts at P: control on P, workers on P + 1 and on, further daemons from P + 50 on, peer
ports from P + 100 on. A lock file a block keeps other runs away until release; the blocks lie
below the range from which the kernel takes ports for outgoing connections."""
import fcntl
import os
import pathlib
import socket
import tempfile

FIRST, LAST, STEP = 12000, 32000, 200
SPARE = 50
LOCKS = pathlib.Path(tempfile.gettempdir()) / f"raftmetrics-ports-{os.getuid()}"


class PortBlock:
    def __init__(self, base, lock):
        self.base = base
        self._lock = lock
        self._spares = 0

    def spare(self):
        """A port for one more daemon."""
        self._spares += 1
        return self.base + SPARE + self._spares

    def release(self):
        os.close(self._lock)


def take_ports(n_workers):
    """A PortBlock that is nobody else's."""
    LOCKS.mkdir(exist_ok=True)
    # Runs that start together begin their search at different blocks.
    blocks = range(FIRST, LAST, STEP)
    start = os.getpid() % len(blocks)
    for base in [*blocks[start:], *blocks[:start]]:
        lock = _lock(LOCKS / f"{base}.lock")
        if lock is None:
            continue
        if all(_is_free(port) for port in _ports_of(base, n_workers)):
            return PortBlock(base, lock)
        os.close(lock)
    raise AssertionError("no free block of ports")


def _ports_of(base, n_workers):
    return [base + offset for start in (0, SPARE, 100) for offset in range(start, start + n_workers + 1)]


def _lock(path):
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except BlockingIOError:
        os.close(fd)
        return None


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
