"""What clients were told: the history that a checker judges. Shared by all client threads."""
import enum
import json
import threading
import time


class Outcome(enum.Enum):
    ACKNOWLEDGED = "acknowledged"  # there, once
    REFUSED = "refused"            # not there
    UNKNOWN = "unknown"            # there at most once


class Write:
    """One value, which nobody else writes."""

    def __init__(self, metric, labels, value):
        self.metric = metric
        self.labels = labels  # tuple of pairs, sorted
        self.value = value
        self.outcome = Outcome.UNKNOWN
        self.key = None
        self.answers = []  # of every attempt, shortly

    def as_dict(self):
        return {"metric": self.metric, "labels": dict(self.labels), "value": self.value, "key": self.key,
                "outcome": self.outcome.value, "answers": self.answers}


class StaleRead:
    def __init__(self, metric, level, began, ended, missing):
        self.metric = metric
        self.level = level
        self.began = began
        self.ended = ended
        self.missing = missing

    def __repr__(self):
        return (f"<{self.level} read of {self.metric}, {self.began:.3f} to {self.ended:.3f}, lacks "
                f"{len(self.missing)} values: {sorted(self.missing)[:10]}>")


class History:
    def __init__(self, first_value=1):
        self.writes = []
        self.stale_reads = []
        self.reads = {"weak": 0, "linearizable": 0}
        self.failed_reads = 0
        self.requests = 0
        self.contradictions = []  # answers that break the contract by themselves
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._next_value = first_value
        self._visible = {}  # metric -> values that every later read must show, in that order
        self._answered = threading.Condition(self._lock)
        self._n_acknowledged = 0

    def now(self):
        return time.monotonic() - self.began

    def begin(self, metric, labels=()):
        """A write with a value of its own; what is not ended stays unknown."""
        with self._lock:
            write = Write(metric, tuple(sorted(labels)), self._next_value)
            self._next_value += 1
            self.writes.append(write)
            return write

    def attempted(self, write, outcome, answer):
        """One attempt's end. Of several with the same Idempotency-Key, an acknowledgement settles
        all, and an unknown one outlives refusals."""
        with self._lock:
            first = not write.answers
            write.answers.append(f"{self.now():.3f} {answer}")
            if outcome is Outcome.ACKNOWLEDGED and write.outcome is not Outcome.ACKNOWLEDGED:
                write.outcome = outcome
                self._visible.setdefault(write.metric, []).append(write.value)
                self._n_acknowledged += 1
            elif outcome is Outcome.REFUSED and first:
                write.outcome = outcome
            elif outcome is Outcome.UNKNOWN and write.outcome is Outcome.REFUSED:
                write.outcome = outcome
            self._answered.notify_all()

    def contradicted(self, what):
        with self._lock:
            self.contradictions.append(f"{self.now():.3f} {what}")

    def mark(self, metric):
        """To be taken before a read begins."""
        with self._lock:
            return len(self._visible.get(metric, ())), self.now()

    def saw(self, metric, level, mark, values):
        """A read that began at @mark answered @values: checks it, and what a linearizable read saw,
        every later one must see."""
        n_due, began = mark
        values = set(values)
        with self._lock:
            due = self._visible.setdefault(metric, [])
            missing = set(due[:n_due]) - values
            self.reads[level] += 1
            if missing:
                self.stale_reads.append(StaleRead(metric, level, began, self.now(), missing))
            if level == "linearizable":
                due.extend(sorted(values - set(due)))

    @property
    def n_acknowledged(self):
        with self._lock:
            return self._n_acknowledged

    def wait_acknowledged(self, n_more, timeout):
        """Until so many further values are acknowledged; False after @timeout seconds."""
        with self._answered:
            goal = self._n_acknowledged + n_more
            return self._answered.wait_for(lambda: self._n_acknowledged >= goal, timeout)

    def count(self):
        with self._lock:
            counts = {outcome.value: 0 for outcome in Outcome}
            for write in self.writes:
                counts[write.outcome.value] += 1
            return counts

    def save(self, path):
        with self._lock, open(path, "w", encoding="utf-8") as file:
            for write in self.writes:
                file.write(json.dumps(write.as_dict()) + "\n")
            for stale in self.stale_reads:
                file.write(json.dumps({"stale": repr(stale)}) + "\n")
            for each in self.contradictions:
                file.write(json.dumps({"contradiction": each}) + "\n")
