"""A cluster under wrk, which must have recorded what it answered for."""
import itertools

import loads
from books import Books


class Target:
    def __init__(self, stage, cluster):
        self._stage = stage
        self._cluster = cluster
        self._books = Books(stage, cluster)
        self._serial = itertools.count(1)

    def singles(self, connections, seconds, n_names=loads.N_NAMES):
        prefix = f"bench_{n_names}_"
        bodies = self._stage.directory / f"{prefix}.txt"
        loads.write_singles(bodies, prefix, n_names)
        return self._load("/metrics", bodies, prefix, 1, connections, seconds)

    def batches(self, connections, seconds):
        """Under names that are deleted afterwards: the store need not hold what minutes of this leave."""
        prefix = f"bench_batch_{next(self._serial)}_"
        bodies = self._stage.directory / "batches.txt"
        loads.write_batches(bodies, prefix)
        result = self._load("/metrics/batch", bodies, prefix, loads.BATCH_ITEMS, connections, seconds)
        self._books.forget(prefix)
        return result

    def _load(self, path, bodies, prefix, items, connections, seconds):
        url = f"http://127.0.0.1:{self._cluster.control.port}{path}"
        result = loads.wrk(url, bodies, self._cluster.token, connections, seconds)
        result["values_per_second"] = result["per_second"] * items
        if result["refused"] or result["broken"]:
            self._stage.problem(f"{path} at {connections}: {result['refused']} refused, {result['broken']} broken")
        # wrk hangs up when its time is over; what was under way then may have been recorded, its
        # answer was not counted. So may what was refused, where it said that it is not known.
        self._books.enter(prefix, result["answered"] * items, (result["refused"] + connections) * items)
        self._books.check(prefix)
        return result
