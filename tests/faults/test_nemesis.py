"""Many faults under load, one after another. The short form is a part of CI; `make test-long` runs
rounds of it for as long as RAFTMETRICS_FAULT_SECONDS says."""
import os
import time

import pytest

from rig.nemesis import Nemesis, names_over_shards, plan
from rig.tmpfs import can_mount

LONG_SECONDS = int(os.environ.get("RAFTMETRICS_FAULT_SECONDS", 3600))
SHORT_FAULTS = 22
SHORT_WRITES = 20_000
KINDS = 8


@pytest.fixture
def nemesis_cluster(make_faulty):
    if not can_mount():
        print("NO DISK IS FILLED: mounting a small file system needs root")
        return make_faulty()
    return make_faulty(small_disk=3)


def without(cluster):
    return () if cluster.small_disk else ("disk_filled",)


def test_the_short_form(nemesis_cluster, rng, say):
    run_a_round(nemesis_cluster, rng, say, "short", SHORT_FAULTS, SHORT_WRITES)


@pytest.mark.long
def test_the_long_form(nemesis_cluster, rng, say):
    end = time.monotonic() + LONG_SECONDS
    turn = 0
    while time.monotonic() < end:
        say(f"round {turn}")
        run_a_round(nemesis_cluster, rng, say, f"round{turn}", SHORT_FAULTS, SHORT_WRITES)
        turn += 1


def run_a_round(cluster, rng, say, prefix, n_faults, n_writes):
    nemesis = Nemesis(cluster, rng, names_over_shards(prefix), say)
    verdict = nemesis.run(plan(rng, n_faults, without(cluster)), n_writes)
    assert not verdict.problems(), f"\n{verdict!r}"
    assert nemesis.history.n_acknowledged >= n_writes
    assert sum(nemesis.n_faults.values()) >= n_faults and len(nemesis.n_faults) >= KINDS
