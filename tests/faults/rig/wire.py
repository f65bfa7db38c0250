"""What control sends to a worker, made by hand: a WriteBatch of one sample, as
src/proto/raftmetrics.proto has it."""
import struct


def varint(number):
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


def field(number, payload):
    """Of a type with a length."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def batch_of(name, value, timestamp_ms):
    sample = (field(1, name.encode()) + varint(3 << 3 | 1) + struct.pack("<d", value) +
              varint(4 << 3) + varint(timestamp_ms << 1))
    return field(1, field(2, sample))


class Sender:
    """A session with a shard, as a control daemon has it."""

    def __init__(self, cluster, shard, session):
        self._cluster = cluster
        self._shard = shard
        self._session = session

    def open(self, worker):
        return self._post(worker, "session", f"session={self._session}", b"")

    def append(self, worker, sequence, body):
        return self._post(worker, "append", f"session={self._session}&sequence={sequence}", body)

    def _post(self, worker, what, query, body):
        return self._cluster.internal(worker, f"/internal/{what}?shard={self._shard}&{query}", "POST", body, timeout=20)
