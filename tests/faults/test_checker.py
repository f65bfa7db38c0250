"""The judge itself, on made-up histories: it must not acquit."""
from rig.checker import judge
from rig.history import History, Outcome


def written(history, outcome, metric="m", labels=()):
    write = history.begin(metric, labels)
    history.attempted(write, outcome, "made up")
    return write


def rows(*writes):
    final = {}
    for write in writes:
        final.setdefault(write.metric, []).append((write.labels, write.value))
    return final


def test_a_sound_history_is_acquitted():
    history = History()
    acknowledged = written(history, Outcome.ACKNOWLEDGED, labels=[("host", "a")])
    written(history, Outcome.REFUSED)
    there, _ = written(history, Outcome.UNKNOWN), written(history, Outcome.UNKNOWN)
    assert judge(history, rows(acknowledged, there)).problems() == {}


def test_a_lost_value():
    history = History()
    kept, lost = written(history, Outcome.ACKNOWLEDGED), written(history, Outcome.ACKNOWLEDGED)
    assert judge(history, rows(kept)).problems() == {"lost": [lost]}


def test_a_doubled_value_of_any_outcome():
    for outcome in (Outcome.ACKNOWLEDGED, Outcome.UNKNOWN):
        history = History()
        write = written(history, outcome)
        assert judge(history, rows(write, write)).problems() == {"doubled": [(2, write)]}


def test_a_refused_value_that_is_there():
    history = History()
    write = written(history, Outcome.REFUSED)
    assert judge(history, rows(write)).problems() == {"refused": [write]}


def test_a_value_in_the_wrong_series():
    history = History()
    write = written(history, Outcome.ACKNOWLEDGED, labels=[("host", "a")])
    verdict = judge(history, {"m": [((("host", "b"),), write.value)]})
    assert verdict.lost == [write] and verdict.foreign == [("m", {"host": "b"}, write.value)]


def test_a_value_that_nobody_wrote():
    assert judge(History(), {"m": [((), 17)]}).problems() == {"foreign": [("m", {}, 17)]}


def test_a_write_that_never_ended_is_unknown():
    history = History()
    write = history.begin("m")
    assert judge(history, {}).problems() == judge(history, rows(write)).problems() == {}


def test_an_acknowledgement_outlives_what_a_retry_was_told():
    for later in (Outcome.REFUSED, Outcome.UNKNOWN):
        history = History()
        write = written(history, Outcome.ACKNOWLEDGED)
        history.attempted(write, later, "made up")
        assert judge(history, {}).lost == [write]


def test_an_unknown_attempt_outlives_refusals():
    for order in ((Outcome.UNKNOWN, Outcome.REFUSED), (Outcome.REFUSED, Outcome.UNKNOWN)):
        history = History()
        write = history.begin("m")
        for outcome in order:
            history.attempted(write, outcome, "made up")
        assert write.outcome is Outcome.UNKNOWN
        assert judge(history, rows(write)).problems() == {}


def test_a_stale_read():
    for level in ("weak", "linearizable"):
        history = History()
        write = written(history, Outcome.ACKNOWLEDGED)
        history.saw("m", level, history.mark("m"), [])
        stale, = judge(history, rows(write)).stale
        assert stale.missing == {write.value} and stale.level == level


def test_a_read_owes_nothing_that_was_acknowledged_after_it_began():
    history = History()
    mark = history.mark("m")
    write = written(history, Outcome.ACKNOWLEDGED)
    history.saw("m", "linearizable", mark, [])
    assert judge(history, rows(write)).problems() == {}


def test_what_one_linearizable_read_saw_the_next_must_see():
    history = History()
    write = written(history, Outcome.UNKNOWN)
    history.saw("m", "linearizable", history.mark("m"), [write.value])
    history.saw("m", "linearizable", history.mark("m"), [])
    assert len(judge(history, rows(write)).stale) == 1


def test_only_weak_reads_are_excused_and_only_meanwhile():
    history = History()
    written(history, Outcome.ACKNOWLEDGED)
    for level in ("weak", "linearizable"):
        history.saw("m", level, history.mark("m"), [])
    after = history.now()
    final = {"m": [((), 1)]}
    assert [read.level for read in judge(history, final, [(0, after)]).stale] == ["linearizable"]
    assert len(judge(history, final, [(after, after + 1)]).stale) == 2


def test_a_contradiction_is_kept():
    history = History()
    history.contradicted("a repetition was answered otherwise")
    assert len(judge(history, {}).contradictions) == 1
