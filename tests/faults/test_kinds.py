"""Each kind of fault by itself, three times over: what breaks here has a name."""
import pytest

from rig.faults import FAULTS
from rig.nemesis import Nemesis, names_over_shards
from rig.tmpfs import can_mount

TIMES = 3


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_kind(kind, make_faulty, rng, say):
    if kind == "disk_filled" and not can_mount():
        pytest.skip("mounting a small file system needs root")
    cluster = make_faulty(small_disk=3 if kind == "disk_filled" else None)
    nemesis = Nemesis(cluster, rng, names_over_shards(kind), say)
    verdict = nemesis.run([FAULTS[kind]] * TIMES)
    assert not verdict.problems(), f"\n{verdict!r}"
