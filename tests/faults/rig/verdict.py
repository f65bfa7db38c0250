"""The end of a focussed test: everything is healed, and the history is judged."""
from .checker import judge
from .clients import read_all


def check_history(cluster, history, names):
    """Nobody writes any more."""
    cluster.wait_whole()
    cluster.check_replicas_agree()
    client = cluster.client(timeout=60)
    verdict = judge(history, read_all(client, names))
    client.close()
    assert not verdict.problems(), f"\n{verdict!r}"
    return history.count()
