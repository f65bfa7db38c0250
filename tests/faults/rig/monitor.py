"""Watches who leads what, for weak reads are promised nothing while leaders change."""
import threading

PERIOD_SECONDS = 0.2
MARGIN_SECONDS = 1


class Monitor:
    def __init__(self, cluster, history):
        self.changes = []  # intervals of history.now()
        self._cluster = cluster
        self._history = history
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        known, since = self._look(), self._history.now()
        while not self._stop.wait(PERIOD_SECONDS):
            seen, now = self._look(), self._history.now()
            if seen != known:
                self.changes.append((since - MARGIN_SECONDS, now + MARGIN_SECONDS))
            known, since = seen, now

    def _look(self):
        """All claims, also those of a leader that has not heard of the next one."""
        return {(worker.id, shard, term) for worker in self._cluster.workers
                for shard, term in self._cluster.leads(worker, timeout=1).items()}
