"""One client of one shard, which writes one value after the other and remembers what became of each."""
import collections
import http.client
import json
import threading
import time

from lib.client import Client, item

PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 20  # far past the 8 s within which a client is answered

# @code: what an answer that was not 200 said; None where there was no answer.
Write = collections.namedtuple("Write", "began ended ok code")

UNKNOWN = {None, "outcome_unknown"}


class ShardWriter:
    def __init__(self, cluster, shard, name):
        self.shard = shard
        self.name = name
        self.writes = []  # only ever appended to
        self._client = Client(cluster.control.port, cluster.token, TIMEOUT_SECONDS)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._client.close()

    def after(self, moment):
        """The writes that began after it."""
        return [write for write in list(self.writes) if write.began >= moment]

    def across(self, moment):
        """Those that began after it or were still unanswered then."""
        return [write for write in list(self.writes) if write.ended >= moment]

    def first_accepted(self, moment):
        """When the first that began after it was answered 200; None where none was yet."""
        return next((write.ended for write in self.after(moment) if write.ok), None)

    def enter_into(self, books):
        ok = sum(write.ok for write in self.writes)
        books.enter(self.name, ok, sum(not write.ok and write.code in UNKNOWN for write in self.writes))

    def _run(self):
        while not self._done.wait(PAUSE_SECONDS):
            self.writes.append(self._write())

    def _write(self):
        began = time.monotonic()
        try:
            answer = self._client.post("/metrics", item(self.name, 1.5))
        except (OSError, http.client.HTTPException):
            return Write(began, time.monotonic(), False, None)
        ended = time.monotonic()
        if answer.status == 200:
            return Write(began, ended, True, "ok")
        try:
            return Write(began, ended, False, answer.json()["error"])
        except (json.JSONDecodeError, KeyError):
            return Write(began, ended, False, f"status {answer.status}")
