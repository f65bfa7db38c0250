"""What can go wrong. A fault is a generator: it harms, yields what it did, and heals when it is
resumed. Choices come from @rng alone, in an order that does not depend on what the cluster does."""
import signal

from lib.wait import wait_until

from .cluster import HEAL_SECONDS, N_SHARDS
from .damage import KINDS, files_of, flip
from .links import CONTROL, CUT, HOLD, NO_ANSWERS, NO_REQUESTS, slow

HELD_WRITES = 1500  # acknowledged while a fault lasts, where the cluster can

FAULTS = {}


class Fault:
    """@destroys: data of one worker are lost, so the others must be whole before and after.
    @divides: a deposed leader may live on for a while and serve stale weak reads."""

    def __init__(self, run, destroys, divides, holds):
        self.name = run.__name__
        self.run = run
        self.destroys = destroys
        self.divides = divides
        self.holds = holds


def fault(destroys=False, divides=False, holds=True):
    def register(run):
        FAULTS[run.__name__] = Fault(run, destroys, divides, holds)
        return run
    return register


def any_worker(cluster, rng):
    return rng.choice(cluster.workers)


def others(cluster, worker):
    return [each for each in cluster.workers if each is not worker]


@fault()
def leader_killed(cluster, rng, **_):
    shard = rng.randrange(N_SHARDS)
    victim = cluster.wait_leader(shard)
    cluster.kill(victim)
    yield f"kill -9 {victim.name}, which led shard {shard}"
    cluster.restart(victim)


@fault()
def follower_killed(cluster, rng, **_):
    shard, choice = rng.randrange(N_SHARDS), rng.random()
    followers = others(cluster, cluster.wait_leader(shard))
    victim = followers[int(choice * len(followers))]
    cluster.kill(victim)
    yield f"kill -9 {victim.name}, a follower of shard {shard}"
    cluster.restart(victim)


@fault(holds=False)
def all_workers_killed(cluster, rng, **_):
    cluster.kill(*cluster.workers)
    yield "kill -9 all workers"
    cluster.restart(*rng.sample(cluster.workers, len(cluster.workers)))


@fault(holds=False)
def control_killed(cluster, rng, **_):
    cluster.kill(cluster.control)
    yield "kill -9 control"
    cluster.restart(cluster.control)


@fault(holds=False)
def everything_killed(cluster, rng, **_):
    cluster.kill(*cluster.nodes)
    yield "kill -9 control and all workers"
    cluster.restart(*rng.sample(cluster.nodes, len(cluster.nodes)))


@fault(divides=True)
def leader_paused(cluster, rng, **_):
    shard = rng.randrange(N_SHARDS)
    victim = cluster.wait_leader(shard)
    victim.signal(signal.SIGSTOP)
    try:
        cluster.wait_leader(shard, among=others(cluster, victim))
        yield f"SIGSTOP {victim.name} until another led shard {shard}"
    finally:
        victim.signal(signal.SIGCONT)


@fault(divides=True)
def worker_cut_off(cluster, rng, **_):
    """In both directions, by resets or by silence, for its peers alone or for control too."""
    victim, mode, with_control = any_worker(cluster, rng), rng.choice([CUT, HOLD]), rng.random() < 0.5
    cluster.links.set(cluster.links.around(victim.id, with_control), mode)
    for shard in range(N_SHARDS):
        cluster.wait_leader(shard, among=others(cluster, victim))
    yield f"{victim.name} cut off by {mode}, for control too: {with_control}"
    cluster.links.heal()


@fault(divides=True)
def worker_unheard(cluster, rng, **_):
    """What it sends does not arrive; it hears the others."""
    victim = any_worker(cluster, rng)
    cluster.links.set([(victim.id, each.id) for each in others(cluster, victim)], NO_REQUESTS)
    yield f"{victim.name} is not heard"
    cluster.links.heal()


@fault(divides=True)
def worker_deaf(cluster, rng, **_):
    victim = any_worker(cluster, rng)
    cluster.links.set([(each.id, victim.id) for each in others(cluster, victim)], NO_REQUESTS)
    yield f"{victim.name} is deaf"
    cluster.links.heal()


@fault(divides=True)
def one_link_cut(cluster, rng, **_):
    """Two workers do not reach each other; the third reaches both."""
    a, b = rng.sample(cluster.ids, 2)
    mode = rng.choice([CUT, HOLD, NO_REQUESTS])
    cluster.links.set([(a, b), (b, a)], mode)
    yield f"{a} and {b} cut apart by {mode}"
    cluster.links.heal()


@fault(divides=True)
def links_slow(cluster, rng, **_):
    seconds = rng.choice([0.01, 0.03, 0.1])
    cluster.links.set([(a, b) for a in cluster.ids for b in cluster.ids], slow(seconds), kinds=["peer"])
    yield f"peers slowed by {seconds} s"
    cluster.links.heal()


@fault()
def answers_lost(cluster, rng, history, **_):
    """Requests reach the workers, answers do not reach control, and then the connections break."""
    towards = [(CONTROL, each) for each in cluster.ids]
    requests = history.requests
    cluster.links.set(towards, NO_ANSWERS)
    wait_until(lambda: history.requests > requests + 4, HEAL_SECONDS, "some requests")
    cluster.links.set(towards, CUT)
    cluster.links.heal()
    yield "the workers' answers lost"


@fault()
def control_cut_from_a_worker(cluster, rng, **_):
    victim = any_worker(cluster, rng)
    mode = rng.choice([CUT, HOLD])
    cluster.links.set([(CONTROL, victim.id)], mode)
    yield f"control cut from {victim.name} by {mode}"
    cluster.links.heal()


@fault(holds=False)
def workers_restarted_in_turn(cluster, rng, **_):
    order = rng.sample(cluster.workers, len(cluster.workers))
    for worker in order:
        assert worker.stop() in (0, None), f"{worker.name} ended badly"
        worker.start()
        cluster.wait_whole()
    yield f"restarted in turn: {[worker.id for worker in order]}"


@fault(destroys=True)
def worker_emptied(cluster, rng, **_):
    victim = any_worker(cluster, rng)
    cluster.kill(victim)
    cluster.empty(victim)
    yield f"{victim.name} lost its data"
    cluster.restart(victim)


@fault(destroys=True, holds=False)
def worker_behind_a_snapshot(cluster, rng, bulk, **_):
    victim = any_worker(cluster, rng)
    cluster.kill(victim)
    bulk()
    yield f"{victim.name} missed what its peers have cut from their logs"
    cluster.restart(victim)


@fault(destroys=True)
def disk_filled(cluster, rng, **_):
    """A worker that cannot write may end; it is started again when there is room."""
    victim = next(worker for worker in cluster.workers if cluster.small_disk.path == cluster.data_of(worker))
    leave = rng.choice([0, 0, 4 << 20])
    cluster.small_disk.fill(leave)
    wait_until(lambda: cluster.is_disk_low(victim), HEAL_SECONDS, f"{victim.name} to notice")
    yield f"all but {leave} bytes of {victim.name}'s disk taken"
    cluster.small_disk.clear()
    if not victim.is_running():
        victim.wait_gone()
        cluster.restart(victim)


@fault(destroys=True)
def bytes_flipped(cluster, rng, **_):
    victim, order, choice = any_worker(cluster, rng), rng.sample(sorted(KINDS), len(KINDS)), rng.random()
    cluster.kill(victim)
    kind, files = next((kind, files) for kind in order if (files := files_of(cluster.data_of(victim), kind)))
    where = flip(files[int(choice * len(files))], rng)
    cluster.restart(victim)
    yield f"a bit flipped in a {kind} of {victim.name}: {where}"
