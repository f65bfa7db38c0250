"""Damage to the files of a worker that does not run."""
import re

# What C-Raft and we keep in a replica's folder.
KINDS = {
    "open segment": re.compile(r"\Aopen-\d+\Z"),
    "closed segment": re.compile(r"\A\d{16}-\d{16}\Z"),
    "snapshot": re.compile(r"\Asnapshot-\d+-\d+-\d+\Z"),
    "snapshot's metadata": re.compile(r"\Asnapshot-\d+-\d+-\d+\.meta\Z"),
    "metadata": re.compile(r"\Ametadata[12]\Z"),
    "vote": re.compile(r"\Avote\Z"),
}


def files_of(directory, kind, shard=None):
    """Files of the kind that hold anything and will be read, in a stable order."""
    folder = f"shard-{shard}" if shard is not None else "shard-*"
    found = [path for path in sorted(directory.glob(f"{folder}/*")) if KINDS[kind].match(path.name)]
    return [path for path in found if written_length(path) > 0 and ("snapshot" not in kind or is_read(path))]


def is_read(path):
    """Of a replica's snapshots the newest is; one that was being written when its worker was killed
    lacks its metadata, and is none."""
    snapshots = [each for each in path.parent.iterdir() if KINDS["snapshot"].match(each.name)]
    whole = [each for each in snapshots if each.with_name(each.name + ".meta").exists()]
    newest = max(whole, key=lambda each: [int(number) for number in each.name.split("-")[1:]], default=None)
    return newest is not None and path.name.removesuffix(".meta") == newest.name


def written_length(path):
    """Bytes before the zeros that a segment ends with: it is made longer than it is."""
    return len(path.read_bytes().rstrip(b"\0"))


def flip(path, rng, n_bytes=1, begin=0):
    """Flips a bit in each of @n_bytes places behind @begin; says where."""
    data = bytearray(path.read_bytes())
    end = written_length(path)
    places = sorted(rng.randrange(min(begin, end - 1), end) for _ in range(n_bytes))
    for place in places:
        data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"{path.parent.name}/{path.name} at {places}"
