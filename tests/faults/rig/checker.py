"""The judge: what clients were told, against what the healed cluster shows."""
import collections

from .history import Outcome


class Verdict:
    """Lists of what is wrong; empty lists where nothing is."""

    def __init__(self):
        self.lost = []      # acknowledged, not there
        self.doubled = []   # there more than once
        self.refused = []   # refused, but there
        self.foreign = []   # (metric, value) that nobody wrote there
        self.stale = []     # reads that lacked what they had to show
        self.contradictions = []

    def problems(self):
        return {name: found for name, found in vars(self).items() if found}

    def __repr__(self):
        lines = []
        for name, found in self.problems().items():
            lines.append(f"{len(found)} {name}:")
            lines += [f"  {shown(each)}" for each in found[:20]]
        return "\n".join(lines) or "nothing is wrong"


def judge(history, final, excuses=()):
    """@final: metric -> list of (labels, value) that the cluster shows. @excuses: intervals
    (began, ended) in which a weak read may be stale, for leaders changed."""
    verdict = Verdict()
    seen = collections.Counter((metric, labels, value) for metric, rows in final.items() for labels, value in rows)
    for write in history.writes:
        times = seen.pop((write.metric, write.labels, write.value), 0)
        if times > 1:
            verdict.doubled.append((times, write))
        if write.outcome is Outcome.ACKNOWLEDGED and times == 0:
            verdict.lost.append(write)
        if write.outcome is Outcome.REFUSED and times > 0:
            verdict.refused.append(write)
    verdict.foreign = [(metric, dict(labels), value) for metric, labels, value in seen]
    verdict.stale = [read for read in history.stale_reads if not is_excused(read, excuses)]
    verdict.contradictions = list(history.contradictions)
    return verdict


def is_excused(read, excuses):
    return read.level == "weak" and any(read.began < ended and began < read.ended for began, ended in excuses)


def shown(problem):
    """Writes as what is known of them."""
    if isinstance(problem, tuple):
        return " ".join(str(shown(each)) for each in problem)
    return problem.as_dict() if hasattr(problem, "as_dict") else problem
