"""Reads Prometheus text and OpenMetrics, strictly: what a scraper might forgive is an error."""
import dataclasses
import re
import shutil
import subprocess

import pytest

META = re.compile(r'# (HELP|TYPE) ("(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*) (.*)')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)?(?:\{(.*)\})? (\S+)')
PAIR = re.compile(r'(?:("(?:[^"\\]|\\.)*"|[a-zA-Z_][a-zA-Z0-9_]*)=)?"((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)')
SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


@dataclasses.dataclass
class Family:
    name: str
    help: str = None
    type: str = None
    samples: dict = dataclasses.field(default_factory=dict)  # (name, labels as sorted pairs): value

    def value(self, suffix="", **labels):
        return self.samples[self.name + suffix, tuple(sorted(labels.items()))]

    def total(self, suffix="", **labels):
        """The sum of the samples that have all of these labels."""
        return sum(value for (name, pairs), value in self.samples.items()
                   if name == self.name + suffix and labels.items() <= dict(pairs).items())

    def label_sets(self, suffix=""):
        return [dict(pairs) for name, pairs in self.samples if name == self.name + suffix]


def parse(body, openmetrics=False):
    """The families by name, in their order."""
    text = body.decode()
    lines = text.split("\n")
    assert lines.pop() == "", "the last line does not end"
    if openmetrics:
        assert lines.pop() == "# EOF"
    families = {}
    family = None
    for line in lines:
        if line.startswith("#"):
            family = _read_meta(line, families)
        else:
            _read_sample(line, family, openmetrics)
    for family in families.values():
        assert family.help and family.type, f"{family.name} lacks HELP or TYPE"
        if family.type == "histogram":
            _check_histogram(family, openmetrics)
    return families


def _unquote(text):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


def _name_of(text):
    return _unquote(text[1:-1]) if text.startswith('"') else text


def _read_meta(line, families):
    match = META.fullmatch(line)
    assert match, line
    name = _name_of(match[2])
    if match[1] == "HELP":
        assert name not in families, f"{name} stands twice"
        families[name] = Family(name, help=match[3])
    else:
        assert list(families)[-1] == name and families[name].type is None, line
        families[name].type = match[3]
        assert match[3] in SUFFIXES, line
    return families[name]


def _read_labels(text):
    pairs = []
    while text:
        match = PAIR.match(text)
        assert match, text
        pairs.append((match[1] and _name_of(match[1]), _unquote(match[2])))
        text = text[match.end():]
    return pairs


def _read_sample(line, family, openmetrics):
    match = SAMPLE.fullmatch(line)
    assert match and family.type, line
    pairs = _read_labels(match[2] or "")
    name = match[1] or next(value for label, value in pairs if label is None)
    labels = [pair for pair in pairs if pair[0] is not None]
    assert len(dict(labels)) == len(labels), line
    suffixes = ["_total"] if openmetrics and family.type == "counter" else SUFFIXES[family.type]
    assert name in [family.name + suffix for suffix in suffixes], line
    key = name, tuple(sorted(labels))
    assert key not in family.samples, f"{key} stands twice"
    family.samples[key] = float(match[3])


def _check_histogram(family, openmetrics):
    """Of each series: buckets ascend in bound and count, +Inf is there and is the count, which OpenMetrics has if and
    only if there is a sum."""
    series = {}
    for (name, pairs), value in family.samples.items():
        labels = dict(pairs)
        le = labels.pop("le", None)
        series.setdefault(tuple(labels.items()), []).append((name[len(family.name):], le, value))
    for labels, samples in series.items():
        buckets = [(float(le), value) for suffix, le, value in samples if suffix == "_bucket"]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), (family.name, labels)
        assert sorted(count for _, count in buckets) == [count for _, count in buckets]
        counts = [value for suffix, _, value in samples if suffix == "_count"]
        has_count = not openmetrics or any(suffix == "_sum" for suffix, _, _ in samples)
        assert counts == ([buckets[-1][1]] if has_count else []), (family.name, labels)


def promtool_check(body):
    """What `promtool check metrics` complains about; skips where there is none."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True)
    return (done.stdout + done.stderr).decode() or (f"exit {done.returncode}" if done.returncode else "")
