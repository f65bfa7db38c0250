"""Runs faults one after another under load, heals, and has the history judged."""
import collections

from lib.placement import shard_of
from lib.wait import wait_until

from .checker import judge
from .clients import LIMIT, Request, Workload, path_of, read_all, rows_of, send
from .cluster import HEAL_SECONDS, N_SHARDS
from .faults import FAULTS, HELD_WRITES
from .history import History
from .monitor import Monitor

NAMES_A_SHARD = 4
BULK_BATCHES = 10
BULK_ITEMS = 300
PAD = "x" * 1000


class Nemesis:
    """@names of metrics that this run alone uses."""

    def __init__(self, cluster, rng, names, say=print, first_value=1):
        self.cluster = cluster
        self.history = History(first_value)
        self.names = names
        self.n_faults = collections.Counter()
        self._rng = rng
        self._say = say
        self._divided = []  # intervals
        cluster.history = self.history

    def run(self, faults, n_acknowledged=0):
        """Each of @faults once, at least @n_acknowledged writes; the verdict."""
        workload = Workload(self.cluster, self.history, self.names, self._rng.getrandbits(64))
        with Monitor(self.cluster, self.history) as monitor:
            with workload:
                for each in faults:
                    self._inflict(each)
                self.cluster.wait_whole()
                missing = max(n_acknowledged - self.history.n_acknowledged, 100)
                assert self.history.wait_acknowledged(missing, 10 * HEAL_SECONDS), "a healed cluster takes no writes"
            workload.settle()
        assert not workload.unexpected, workload.unexpected
        self.cluster.check_running()
        self._note(f"{self.history.count()}, reads {self.history.reads}, {self.history.failed_reads} failed, "
                   f"stale in all: {len(self.history.stale_reads)}")
        return self._judge([*self._divided, *monitor.changes])

    def _inflict(self, each):
        if each.destroys or self._rng.random() < 0.5:
            self.cluster.wait_whole()
        else:
            self.cluster.wait_running()
            self.cluster.wait_writable(HEAL_SECONDS)
        began = self.history.now()
        injection = each.run(self.cluster, self._rng, history=self.history, bulk=self.write_bulk)
        self._note(f"{each.name}: {next(injection)}")
        if each.holds:
            self.history.wait_acknowledged(HELD_WRITES, 15)
        next(injection, None)
        self.cluster.wait_running()
        self.cluster.wait_writable(HEAL_SECONDS)
        if each.destroys:
            self.cluster.wait_whole()
        if each.divides:
            self._divided.append((began, self.history.now() + 1))
        self.n_faults[each.name] += 1
        self._note(f"{each.name}: healed, {self.history.n_acknowledged} acknowledged so far")

    def write_bulk(self):
        """So much that logs are cut: long labels, few series."""
        client = self.cluster.client()
        for i in range(BULK_BATCHES):
            names = [self.names[(i + j) % len(self.names)] for j in range(BULK_ITEMS)]
            writes = [self.history.begin(name, [("pad", PAD)]) for name in names]
            request = Request(writes, True, f"bulk-{self.names[0]}-{writes[0].value}")
            wait_until(lambda: send(client, self.history, request), HEAL_SECONDS, "much to be acknowledged")
        client.close()

    def _judge(self, excuses):
        self.cluster.check_replicas_agree()
        client = self.cluster.client(timeout=60)
        final = read_all(client, self.names)
        client.close()
        self._check_replicas(final)
        return judge(self.history, final, excuses)

    def _check_replicas(self, final):
        """What each replica holds, not only the hash that it says it has."""
        for worker in self.cluster.workers:
            for name in self.names:
                target = f"/internal{path_of(name)}?level=none&by=series&limit={LIMIT}"
                answer = self.cluster.internal(worker, target)
                rows = rows_of(answer.json()) if answer.status == 200 else []
                assert sorted(rows) == sorted(final.get(name, [])), f"{worker.name} holds another {name}"

    def _note(self, line):
        line = f"{self.history.now():8.2f} {line}"
        self.cluster.timeline.append(line)
        self._say(line)


def names_over_shards(prefix, n=NAMES_A_SHARD):
    """Metrics, @n in each shard."""
    found = collections.defaultdict(list)
    number = 0
    while sum(map(len, found.values())) < n * N_SHARDS:
        name = f"{prefix}.{number}"
        number += 1
        if len(found[shard_of(name, N_SHARDS)]) < n:
            found[shard_of(name, N_SHARDS)].append(name)
    return [name for shard in sorted(found) for name in found[shard]]


def plan(rng, n_faults, without=()):
    """At least @n_faults, every kind once before any comes again."""
    kinds = [each for name, each in sorted(FAULTS.items()) if name not in without]
    chosen = []
    while len(chosen) < n_faults:
        chosen += rng.sample(kinds, len(kinds))
    return chosen[:max(n_faults, len(kinds))]
