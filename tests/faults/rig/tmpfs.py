"""A small file system that can be filled."""
import os
import subprocess

SIZE_BYTES = 512 << 20  # open segments alone take 24 MiB a shard
CHUNK = bytes(1 << 20)


def can_mount():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode == 0


class Tmpfs:
    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(path)], check=True)

    def fill(self, leave_bytes=0):
        """Takes all space but @leave_bytes."""
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        with open(self._filler, "ab", buffering=0) as file:
            for _ in range(max(free - leave_bytes, 0) // len(CHUNK)):
                if not has_room(file):
                    break
            while leave_bytes == 0 and has_room(file):
                pass

    def clear(self):
        self._filler.unlink(missing_ok=True)

    def remove(self):
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


def has_room(file):
    try:
        return file.write(CHUNK) == len(CHUNK)
    except OSError:
        return False
