"""What a daemon takes of memory."""
import pathlib

KEPT_BYTES = 400 << 20  # of what was freed, by sanitizers; and their own books


def peak_of(node):
    """Bytes, at the worst moment so far."""
    lines = pathlib.Path(f"/proc/{node.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def slack_of(node, n_bytes):
    """By how much its peak may rise where @n_bytes are fair."""
    maps = pathlib.Path(f"/proc/{node.pid}/maps").read_text()
    return n_bytes + (KEPT_BYTES if "libasan" in maps or "libtsan" in maps else 0)
