"""A cluster whose workers have names, as containers do, and a server of them that can fall silent."""
import errno
import random
import socket
import struct
import threading

from lib.cluster import BINARY
from lib.hand_made import HandMadeCluster
from lib.node import Node
from lib.wait import wait_until

HEADER = struct.Struct(">HHHHHH")
QUESTION_TAIL = struct.Struct(">HH")
TYPE_A, CLASS_IN = 1, 1
IS_ANSWER = 0x8180  # to a query that wants recursion, which is there
FIRST_NAME = 0xC00C  # where the question's name stands

WITH_RESOLVER = """#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' {resolv_conf} {binary} "$@"
"""


class NameServer:
    """Says of every name that it is 127.0.0.1. The resolver asks no other port than 53, so it takes
    an address that nobody else has."""

    def __init__(self):
        self.n_unanswered = 0
        self._is_silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = self._bind()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def fall_silent(self):
        self._is_silent = True

    def wait_asked(self):
        """Since it is silent."""
        wait_until(lambda: self.n_unanswered > 0, 20, "a name to be looked up")

    def close(self):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _bind(self):
        while True:
            address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
            try:
                self._socket.bind((address, 53))
                return address
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise

    def _serve(self):
        while True:
            query, asker = self._socket.recvfrom(512)
            if not query:
                return
            if self._is_silent:
                self.n_unanswered += 1
            else:
                self._socket.sendto(answer_to(query), asker)


def answer_to(query):
    number = HEADER.unpack_from(query)[0]
    end = query.index(b"\0", HEADER.size) + 1 + QUESTION_TAIL.size
    kind, _ = QUESTION_TAIL.unpack_from(query, end - QUESTION_TAIL.size)
    record = struct.pack(">HHHIH", FIRST_NAME, TYPE_A, CLASS_IN, 0, 4) + socket.inet_aton("127.0.0.1")
    answers = record if kind == TYPE_A else b""
    return HEADER.pack(number, IS_ANSWER, 1, 1 if answers else 0, 0, 0) + query[HEADER.size:end] + answers


class NamedCluster(HandMadeCluster):
    """Its daemons have a resolv.conf of their own. Needs root."""

    def __init__(self, **options):
        super().__init__(**options)
        self.names = NameServer()
        self._both_keys["worker_hosts"] = [f"{worker.name}:{worker.port}" for worker in self.workers]
        self._write_files()

    def node(self, kind, name, port):
        return Node(str(self.directory / "with-resolver"), kind, name, self.directory / "data", port, self.token)

    def finish(self, failed):
        try:
            super().finish(failed)
        finally:
            self.names.close()

    def _write_files(self):
        resolv_conf = self.directory / "resolv.conf"
        resolv_conf.write_text(f"nameserver {self.names.address}\n")
        script = self.directory / "with-resolver"
        script.write_text(WITH_RESOLVER.format(resolv_conf=resolv_conf, binary=BINARY))
        script.chmod(0o755)
