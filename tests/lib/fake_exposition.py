"""Fake workers that hand out pages of an exposition, whose shards a test may move between two pages."""
import struct

from .fake_worker import FakeCluster, FakeWorker

HISTOGRAM = 0


class FakeExposition(FakeCluster):
    """@stores: by shard the numbers of series by metric name. Each page is of one metric."""

    def __init__(self, ports, stores):
        self.stores = stores
        self.leads = {}  # shard: worker id
        self.before_page = lambda worker, n: None  # @n: how many pages were asked for before
        self.asked = []  # worker ids and the shards that they were asked for, in order
        super().__init__(ports)
        for worker in self.workers:
            worker.__class__ = ExposingWorker

    def lead(self, leads):
        self.leads = dict(leads)

    def text(self):
        """The whole, as it must come out."""
        metrics = {name: n for store in self.stores.values() for name, n in store.items()}
        return b"".join(head_of(name) + series_of(name, 0, metrics[name]) for name in sorted(metrics))


def head_of(name):
    return f"# HELP {name} The histogram {name}.\n# TYPE {name} histogram\n".encode()


def series_of(name, first, end):
    return b"".join(f'{name}_bucket{{series="{i}",le="+Inf"}} 1\n{name}_count{{series="{i}"}} 1\n'.encode()
                    for i in range(first, end))


class ExposingWorker(FakeWorker):
    series_a_page = 3

    def describe(self):
        led = [{"shard": shard, "term": 2} for shard, worker in self.cluster.leads.items() if worker == self.id]
        description = super().describe()
        description["cluster"]["shards"] = len(self.cluster.stores)
        return {**description, "leads": led}

    def take_page(self, query):
        """Bytes, or what a script may answer."""
        bits = int(query["shards"][::-1], 16)
        asked = [shard for shard in self.cluster.stores if bits >> shard & 1]
        self.cluster.asked.append((self.id, asked))
        scripted = self.cluster.before_page(self, len(self.cluster.asked) - 1)
        if scripted is not None:
            return scripted
        led = [shard for shard in asked if self.cluster.leads.get(shard) == self.id]
        metrics = {name: n for shard in led for name, n in self.cluster.stores[shard].items()}
        after, family, series = query.get("after", ""), int(query.get("family", 0)), int(query.get("series", 0))
        left = sorted(name for name in metrics if name > after or (name == after and family == 0))
        if not left:
            return page(led, len(self.cluster.stores), True, (after, family, series), b"")
        name = left[0]
        first = series if name == after else 0
        end = min(first + self.series_a_page, metrics[name])
        text = (head_of(name) if first == 0 else b"") + series_of(name, first, end)
        following = (name, 1, 0) if end == metrics[name] else (name, 0, end)
        return page(led, len(self.cluster.stores), False, following, piece(name, first == 0, text))


def piece(name, begins, text):
    return struct.pack("<4I", HISTOGRAM, begins, len(name), len(text)) + name.encode() + text


def page(shards, n_shards, is_last, following, pieces):
    name, family, series = following
    bits = sum(1 << shard for shard in shards).to_bytes((n_shards + 7) // 8, "little")
    header = struct.pack("<4IQI", 2, is_last, n_shards, family, series, len(name))
    return header + name.encode() + bits + pieces
