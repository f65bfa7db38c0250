"""Bounded load from several client threads, which remember every answer."""
import http.client
import threading
import time

from .client import Client, item

DEADLINE_SECONDS = 8  # a client is answered within this


class Load:
    """Each thread writes and reads in turn over @names, at most @per_second requests each."""

    def __init__(self, cluster, names, n_threads=4, per_second=100):
        self._cluster = cluster
        self._names = names
        self._pause = 1 / per_second
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(n_threads)]
        self.statuses = {}  # status -> how often
        self.errors = []  # bodies of what was not 200
        self.closed = 0  # connections that ended without an answer, or were refused
        self.late = []  # seconds past the deadline
        self.unexpected = []  # exceptions of the client threads

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    @property
    def answered(self):
        with self._lock:
            return sum(self.statuses.values())

    def _run(self, number):
        # Far past the deadline, so that a late answer is told from none.
        client = Client(self._cluster.control.port, self._cluster.token, timeout=3 * DEADLINE_SECONDS)
        turn = number
        try:
            while not self._done.wait(self._pause):
                self._ask(client, turn)
                turn += 1
        except Exception as error:  # shown by the test; a thread must not die unseen
            self.unexpected.append(error)
        finally:
            client.close()

    def _ask(self, client, turn):
        name = self._names[turn % len(self._names)]
        began = time.monotonic()
        try:
            if turn % 3:
                answer = client.post("/metrics", item(name, turn))
            else:
                answer = client.get(f"/metrics/{name}/aggregate")
        except (http.client.RemoteDisconnected, ConnectionError):
            answer = None
        took = time.monotonic() - began
        with self._lock:
            if took > DEADLINE_SECONDS:
                self.late.append(round(took, 2))
            if answer is None:
                self.closed += 1
            else:
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                if answer.status != 200:
                    self.errors.append(answer)
