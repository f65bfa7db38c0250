"""The file of watermarks, read from its description."""
import collections
import struct

HEAD = struct.Struct("<QQ")
MARK = struct.Struct("<IIQQ")

Mark = collections.namedtuple("Mark", "shard incarnation index term")


def read_marks(path):
    """shard -> Mark; none where there is no file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    _, count = HEAD.unpack_from(data)
    marks = [Mark(*MARK.unpack_from(data, HEAD.size + i * MARK.size)) for i in range(count)]
    return {mark.shard: mark for mark in marks}
