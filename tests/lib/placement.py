"""Where a metric belongs, computed apart from the daemons: Lamping and Veach's jump consistent
hash (arXiv:1406.2294, figure 1) over XXH3_64bits from the shared library."""
import ctypes

DEFAULT_SHARDS = 6  # of n_shards


def jump_hash(key, n_buckets):
    bucket, candidate = -1, 0
    while candidate < n_buckets:
        bucket = candidate
        key = (key * 2862933555777941757 + 1) & 0xFFFFFFFFFFFFFFFF
        candidate = int(float(bucket + 1) * (float(1 << 31) / float((key >> 33) + 1)))
    return bucket


def shard_of(name, n_shards):
    return jump_hash(xxh3_64(name.encode()), n_shards)


def name_of_each(n_shards, prefix):
    """A name for each shard, all of them beginning with @prefix, none with another."""
    found = {}
    number = 0
    while len(found) < n_shards:
        name = f"{prefix}{number:05}"
        found.setdefault(shard_of(name, n_shards), name)
        number += 1
    return [found[shard] for shard in range(n_shards)]


def first_worker_of(name, n_shards, worker_ids):
    """The preferred leader in the first map of a cluster."""
    ordered = sorted(worker_ids)
    return ordered[shard_of(name, n_shards) % len(ordered)]


def xxh3_64(data):
    return _library().XXH3_64bits(data, len(data))


def _library():
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library
