"""Client threads that write values of their own and read them back, and remember every answer."""
import http.client
import json
import random
import threading
import uuid

from lib.client import item, path_of
from lib.wait import wait_until

from .history import Outcome

TIMEOUT_SECONDS = 20  # far past the 8 s within which a client is answered
SETTLE_SECONDS = 60
LIMIT = 1_000_000     # of values in one answer, the largest that is allowed


class Workload:
    """@names: the metrics. @n_writers, @n_readers threads, each with a pause between its requests.
    Ends with what it was doing when stopped."""

    def __init__(self, cluster, history, names, seed, n_writers=4, n_readers=2, pause=0.02, batch_max=40):
        self.history = history
        self._stop = threading.Event()
        self._pause = pause
        self.unexpected = []
        self.clients = [Writer(cluster.client(timeout=TIMEOUT_SECONDS), history, names,
                               random.Random(f"{seed} writer {i}"), batch_max) for i in range(n_writers)]
        self.clients += [Reader(cluster.client(timeout=TIMEOUT_SECONDS), history, names,
                                random.Random(f"{seed} reader {i}")) for i in range(n_readers)]
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in self.clients]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def settle(self):
        """After healing: repeats what carries a key and is not acknowledged, until it is."""
        for client in self.clients:
            client.settle()

    def _run(self, client):
        try:
            while not self._stop.wait(self._pause):
                client.turn()
        except Exception as error:  # shown by the test; a thread must not die unseen
            self.unexpected.append(error)
            raise
        finally:
            client.http.close()


class Request:
    """A write as it is sent, the same bytes every time."""

    def __init__(self, writes, is_batch, key):
        self.writes = writes
        self.key = key
        self.headers = {} if key is None else {"Idempotency-Key": key}
        items = [item(write.metric, write.value, labels=dict(write.labels) or None) for write in writes]
        self.target = "/metrics/batch" if is_batch else "/metrics"
        self.body = json.dumps({"metrics": items} if is_batch else items[0])
        for write in writes:
            write.key = key


class Writer:
    def __init__(self, client, history, names, rng, batch_max):
        self.http = client
        self._history = history
        self._names = names
        self._rng = rng
        self._batch_max = batch_max
        self._unsettled = []

    def turn(self):
        request = self._make()
        if self._attempt(request):
            if request.key is not None and self._rng.random() < 0.1:
                self._attempt(request)  # a client that did not hear the answer
        elif request.key is not None:
            self._unsettled.append(request)
        # An old one again, now and then: the key still stands for the same request.
        if self._unsettled and self._rng.random() < 0.3:
            again = self._unsettled.pop(self._rng.randrange(len(self._unsettled)))
            if not self._attempt(again):
                self._unsettled.append(again)

    def settle(self):
        while self._unsettled:
            request = self._unsettled.pop()
            wait_until(lambda again=request: self._attempt(again), SETTLE_SECONDS,
                       f"a healed cluster to take {request.key}")
        self.http.close()

    def _make(self):
        is_batch = self._rng.random() < 0.5
        n = self._rng.randint(1, self._batch_max) if is_batch else 1
        writes = [self._history.begin(self._rng.choice(self._names), self._labels()) for _ in range(n)]
        key = str(uuid.UUID(int=self._rng.getrandbits(128))) if self._rng.random() < 0.5 else None
        return Request(writes, is_batch, key)

    def _labels(self):
        return [("host", self._rng.choice("abc"))] if self._rng.random() < 0.3 else []

    def _attempt(self, request):
        """Whether all of it is acknowledged now."""
        return send(self.http, self._history, request)


class Reader:
    def __init__(self, client, history, names, rng):
        self.http = client
        self._history = history
        self._names = names
        self._rng = rng

    def turn(self):
        read(self.http, self._history, self._rng.choice(self._names), self._rng.choice(["weak", "linearizable"]))

    def settle(self):
        self.http.close()


def write(client, history, metric, labels=(), key=None):
    """A single value; the answer, None where the connection was lost."""
    request = Request([history.begin(metric, labels)], False, key)
    return post(client, history, request)


def write_batch(client, history, metrics, key=None):
    request = Request([history.begin(metric) for metric in metrics], True, key)
    return post(client, history, request)


def send(client, history, request):
    answer = post(client, history, request)
    return answer is not None and answer.status == 200


def post(client, history, request):
    """Sends @request and notes what became of each of its values."""
    history.requests += 1
    try:
        answer = client.post(request.target, request.body, headers=request.headers)
    except ConnectionRefusedError:
        note(history, request, Outcome.REFUSED, "connection refused")
        return None
    except (OSError, http.client.HTTPException) as error:
        note(history, request, Outcome.UNKNOWN, repr(error))
        return None
    for each, outcome in zip(request.writes, outcomes(history, request, answer)):
        history.attempted(each, outcome, f"{answer.status} {answer.body[:120]!r}")
    return answer


def note(history, request, outcome, why):
    for each in request.writes:
        history.attempted(each, outcome, why)


def outcomes(history, request, answer):
    """Of each value, as API.md §1 has it: what is not 2xx recorded nothing, but for what it names."""
    n = len(request.writes)
    if answer.status == 200:
        if request.target.endswith("/batch") and answer.json().get("recorded") != n:
            history.contradicted(f"a batch of {n} was answered {answer!r}")
        return [Outcome.ACKNOWLEDGED] * n
    try:
        body = answer.json()
        code = body["error"]
    except (ValueError, KeyError, TypeError):
        history.contradicted(f"an answer that is no error as the contract has it: {answer!r}")
        return [Outcome.UNKNOWN] * n
    if answer.status not in (429, 503, 504):
        history.contradicted(f"a sound write was answered {answer!r}")
    if code == "outcome_unknown":
        return [Outcome.UNKNOWN] * n
    if code == "partially_recorded":
        return partial_outcomes(history, n, body, answer)
    return [Outcome.REFUSED] * n


def partial_outcomes(history, n, body, answer):
    named = [(Outcome.ACKNOWLEDGED, body.get("recorded", [])), (Outcome.REFUSED, body.get("not_recorded", [])),
             (Outcome.UNKNOWN, body.get("unknown", []))]
    found = {index: outcome for outcome, indexes in named for index in indexes}
    if sorted(index for _, indexes in named for index in indexes) != list(range(n)):
        history.contradicted(f"partially_recorded does not name each of {n} once: {answer!r}")
    return [found.get(index, Outcome.UNKNOWN) for index in range(n)]


def read(client, history, metric, level):
    """The answer to a read whose values are checked; None where the connection was lost."""
    mark = history.mark(metric)
    try:
        answer = client.get(path_of(metric), {"level": level, "limit": LIMIT})
    except (OSError, http.client.HTTPException):
        history.failed_reads += 1
        return None
    if answer.status == 200:
        history.saw(metric, level, mark, answer.json()["values"])
    elif answer.status == 404:
        history.saw(metric, level, mark, [])
    else:
        history.failed_reads += 1
        if answer.status not in (429, 503, 504):
            history.contradicted(f"a sound read was answered {answer!r}")
    return answer


def read_all(client, names, level="linearizable"):
    """metric -> [(labels, value)], of a healed cluster."""
    final = {}
    for name in names:
        query = {"level": level, "limit": LIMIT, "by": "series"}
        answer = wait_until(lambda: settled(client.get(path_of(name), query)), SETTLE_SECONDS, f"{name} to be read")
        if answer.status == 200:
            final[name] = rows_of(answer.json())
    return final


def settled(answer):
    """None for "not now": leaders may move even in a healed cluster."""
    assert answer.status in (200, 404, 503), answer
    return answer if answer.status != 503 else None


def rows_of(body):
    assert not body.get("truncated"), body.get("total")
    return [(tuple(sorted(series["labels"].items())), value) for series in body["series"] for value in series["values"]]
