"""A TCP proxy whose links can be cut, slowed and healed; a process of its own, so that the clients
of a test do not slow the cluster down.

A link joins a listening port to a target port on 127.0.0.1. Orders come as lines of JSON on stdin
and are answered by a line on stdout:

    {"add": "1>2/peer", "target": 9182}     -> {"port": 40123}
    {"set": ["1>2/peer"], "mode": {...}}    -> {}

A mode has: "forward" and "back", false to hold what the dialler or the listener sends (bytes wait
and nothing is lost, as with packets that are sent again); "refuse", true to reset what is open and
what is tried; "delay", seconds that each piece waits. End of input ends the process."""
import asyncio
import json
import socket
import struct
import sys

OPEN = {"forward": True, "back": True, "refuse": False, "delay": 0}
CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that makes close() send RST


class Link:
    def __init__(self, target):
        self.target = target
        self.mode = dict(OPEN)
        self._changed = asyncio.Event()
        self._connections = set()

    def set_mode(self, mode):
        self.mode = {**OPEN, **mode}
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if self.mode["refuse"]:
            for connection in list(self._connections):
                connection.reset()

    async def serve(self, listener):
        loop = asyncio.get_running_loop()
        while True:
            dialler, _ = await loop.sock_accept(listener)
            if self.mode["refuse"]:
                reset(dialler)
            else:
                loop.create_task(self._join(dialler))

    async def _join(self, dialler):
        loop = asyncio.get_running_loop()
        target = socket.socket()
        target.setblocking(False)
        try:
            await loop.sock_connect(target, ("127.0.0.1", self.target))
        except OSError:
            target.close()
            reset(dialler)
            return
        for sock in (dialler, target):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self, dialler, target)
        self._connections.add(connection)
        await connection.run()
        self._connections.discard(connection)

    async def pass_gate(self, direction):
        """Returns when the link lets bytes of @direction through."""
        while not self.mode[direction]:
            await self._changed.wait()


class Connection:
    def __init__(self, link, dialler, target):
        self._link = link
        self._dialler = dialler
        self._target = target
        self._pumps = []

    async def run(self):
        self._pumps = [asyncio.ensure_future(self._pump(self._dialler, self._target, "forward")),
                       asyncio.ensure_future(self._pump(self._target, self._dialler, "back"))]
        done, pending = await asyncio.wait(self._pumps, return_when=asyncio.FIRST_EXCEPTION)
        broken = any(pump.cancelled() or pump.exception() for pump in done)
        for pump in pending:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for sock in (self._dialler, self._target):
            reset(sock) if broken else sock.close()

    def reset(self):
        for pump in self._pumps:
            pump.cancel()

    async def _pump(self, source, sink, direction):
        loop = asyncio.get_running_loop()
        while True:
            await self._link.pass_gate(direction)
            data = await loop.sock_recv(source, CHUNK)
            await asyncio.sleep(self._link.mode["delay"])
            await self._link.pass_gate(direction)
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, data)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


class Proxy:
    def __init__(self):
        self._links = {}
        self._tasks = []

    def obey(self, order):
        if "add" in order:
            return {"port": self._add(order["add"], order["target"])}
        for name in order["set"]:
            self._links[name].set_mode(order["mode"])
        return {}

    def _add(self, name, target):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        listener.setblocking(False)
        self._links[name] = Link(target)
        self._tasks.append(asyncio.ensure_future(self._links[name].serve(listener)))
        return listener.getsockname()[1]


async def main():
    proxy = Proxy()
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        print(json.dumps(proxy.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
