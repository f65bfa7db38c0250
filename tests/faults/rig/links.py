"""The links between the nodes of a cluster: who can reach whom. Node 0 is control.

A link a>b carries what a dials at b: its HTTP requests, and between workers its Raft messages,
which flow from dialler to listener only. So holding a>b alone is a partition in one direction."""
import json
import pathlib
import subprocess
import sys

PROXY = pathlib.Path(__file__).with_name("proxy.py")
CONTROL = 0

CUT = {"refuse": True}
HOLD = {"forward": False, "back": False}
NO_REQUESTS = {"forward": False}
NO_ANSWERS = {"back": False}


def slow(seconds):
    return {"delay": seconds}


class Links:
    """@targets: worker id -> (HTTP port, peer port)."""

    def __init__(self, targets):
        self._process = subprocess.Popen([sys.executable, str(PROXY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True, start_new_session=True)
        self._names = {}
        self._ports = {}
        for sender in [CONTROL, *targets]:
            for receiver, (http, peer) in targets.items():
                if sender != receiver:
                    self._add(sender, receiver, "http", http)
                    if sender != CONTROL:
                        self._add(sender, receiver, "peer", peer)

    def address(self, sender, receiver):
        """Where @sender finds @receiver: (HTTP port, peer port, None for control)."""
        return (self._ports[sender, receiver, "http"], self._ports.get((sender, receiver, "peer")))

    def set(self, pairs, mode, kinds=("http", "peer")):
        """Gives the links (sender, receiver) of @pairs a mode."""
        names = [name for (sender, receiver, kind), name in self._names.items()
                 if (sender, receiver) in pairs and kind in kinds]
        self._order({"set": names, "mode": mode})

    def heal(self):
        self._order({"set": list(self._names.values()), "mode": {}})

    def around(self, worker, with_control=False):
        """Every link from and to the worker."""
        return [(sender, receiver) for sender, receiver, kind in self._names
                if worker in (sender, receiver) and (with_control or sender != CONTROL)]

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _add(self, sender, receiver, kind, target):
        name = f"{sender}>{receiver}/{kind}"
        self._names[sender, receiver, kind] = name
        self._ports[sender, receiver, kind] = self._order({"add": name, "target": target})["port"]

    def _order(self, order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
