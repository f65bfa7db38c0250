"""Workers that have names, and a server of names that falls silent."""
import os

import pytest

from rig.names import NamedCluster


@pytest.mark.skipif(os.geteuid() != 0, reason="a resolv.conf of one's own needs root")
def test_a_silent_server_of_names_keeps_nobody_from_stopping(make_cluster):
    """A container's name goes when it stops; the last of them asks for the others."""
    cluster = make_cluster(kind=NamedCluster)
    cluster.client().record("a", 1)
    last, *others = cluster.workers
    assert cluster.control.stop() == 0
    cluster.names.fall_silent()
    for worker in others:
        assert worker.stop() == 0
    cluster.names.wait_asked()
    assert last.stop() == 0
