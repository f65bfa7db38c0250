"""One client thread a metric, which writes without a pause and notes every answer: who was
interrupted, and for how long."""
import threading
import time

from .clients import TIMEOUT_SECONDS, write


class Answered:
    def __init__(self, began, ended, answer):
        self.began = began
        self.ended = ended
        self.answer = answer  # None where the connection was lost

    @property
    def is_ok(self):
        return self.answer is not None and self.answer.status == 200

    def __repr__(self):
        return f"<{self.began:.3f} to {self.ended:.3f}: {self.answer!r}>"


class Streams:
    def __init__(self, cluster, history, names, pause=0.02):
        self.answers = {name: [] for name in names}
        self._cluster = cluster
        self._history = history
        self._pause = pause
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(name,)) for name in names]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_ok_after(0)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_ok_after(self, moment, names=None, timeout=60):
        """Until a write of each of @names that began after @moment was acknowledged; name ->
        seconds from @moment to the first such answer."""
        def first(name):
            return next((each.ended - moment for each in self.answers[name] if each.began > moment and each.is_ok), None)

        names = list(names or self.answers)
        with self._changed:
            done = self._changed.wait_for(lambda: all(first(name) is not None for name in names), timeout)
            found = {name: first(name) for name in names}
        assert done, f"no writes acknowledged: {[name for name in names if found[name] is None]}"
        return found

    def failures(self, names):
        with self._changed:
            return [each for name in names for each in self.answers[name] if not each.is_ok]

    def _run(self, name):
        client = self._cluster.client(timeout=TIMEOUT_SECONDS)
        while not self._stop.wait(self._pause):
            began = time.monotonic()
            answer = write(client, self._history, name)
            with self._changed:
                self.answers[name].append(Answered(began, time.monotonic(), answer))
                self._changed.notify_all()
        client.close()
