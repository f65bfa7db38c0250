"""Many samples, sent as fast as a few clients can, and counted."""
import concurrent.futures

import loads
from lib.client import Client

ITEMS = 10_000
N_CLIENTS = 4
N_BODIES = 10


class Filling:
    def __init__(self, cluster, prefix):
        self._cluster = cluster
        self._bodies = [loads.batch(prefix, 7 * number, ITEMS).encode() for number in range(N_BODIES)]

    def send(self, n_samples):
        """Batches of 10,000, at least so many samples; how many they were. Every batch must be recorded."""
        n_batches = -(-n_samples // ITEMS)
        with concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
            list(pool.map(self._send_share, [range(number, n_batches, N_CLIENTS) for number in range(N_CLIENTS)]))
        return n_batches * ITEMS

    def _send_share(self, numbers):
        client = Client(self._cluster.control.port, self._cluster.token)
        for number in numbers:
            answer = client.post("/metrics/batch", self._bodies[number % N_BODIES])
            if answer.status != 200 or answer.json()["recorded"] != ITEMS:
                raise RuntimeError(f"batch {number}: {answer}")
        client.close()
