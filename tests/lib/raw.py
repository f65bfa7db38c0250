"""A connection that sends exactly the bytes it is told to."""
import json
import select
import socket
import struct
import time

TIMEOUT_SECONDS = 15


class Closed(Exception):
    """The daemon closed the connection before a whole answer."""


class RawAnswer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class RawConnection:
    def __init__(self, port, timeout=TIMEOUT_SECONDS):
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout
        self._pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self._sock.fileno()

    def send(self, data):
        """Closed where the daemon has closed its end meanwhile."""
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def try_send(self, data):
        """False where the daemon has closed; what it answered before can still be read."""
        try:
            self.send(data)
            return True
        except Closed:
            return False

    def half_close(self):
        self._sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Goes away with an RST instead of a FIN."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def close(self):
        self._sock.close()

    def read_answer(self, method="GET"):
        """The next whole answer, 1xx included. Closed where there is none."""
        head = self._read_to(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if method == "HEAD" or status < 200 or status in (204, 304):
            return RawAnswer(status, headers, b"")
        return RawAnswer(status, headers, self._read_body(headers))

    def final_answer(self, method="GET"):
        """The next answer that is not 100 Continue."""
        answer = self.read_answer(method)
        while answer.status < 200:
            answer = self.read_answer(method)
        return answer

    def available_answers(self):
        """Every answer that has begun to arrive by now; one that has is waited for."""
        answers = []
        while self._has_input():
            try:
                answers.append(self.final_answer())
            except Closed:
                break
        return answers

    def wait_closed(self, timeout):
        """What still came before the daemon closed, which it must within @timeout seconds."""
        end = time.monotonic() + timeout
        while True:
            remaining = end - time.monotonic()
            if remaining <= 0 or not self._is_readable(remaining):
                raise AssertionError(f"the connection is still open after {timeout} s")
            if not self._receive():
                return self._pending

    def is_silent(self):
        """Nothing has come and the connection is open, as far as is known now."""
        return not self._has_input()

    def _has_input(self):
        return bool(self._pending) or self._is_readable(0)

    def _is_readable(self, seconds):
        poll = select.poll()  # not select(): a flood has more descriptors than that takes
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def _read_body(self, headers):
        if "content-length" in headers:
            return self.read_exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks()
        while self._receive():
            pass
        body, self._pending = self._pending, b""
        return body

    def _read_chunks(self):
        body = b""
        while True:
            size = int(self._read_to(b"\r\n").split(b";")[0], 16)
            body += self.read_exactly(size)
            self._read_to(b"\r\n")
            if size == 0:
                return body

    def _read_to(self, mark):
        while mark not in self._pending:
            self._receive_or_raise()
        head, _, self._pending = self._pending.partition(mark)
        return head

    def read_exactly(self, n):
        """Closed where less comes."""
        while len(self._pending) < n:
            self._receive_or_raise()
        taken, self._pending = self._pending[:n], self._pending[n:]
        return taken

    def _receive_or_raise(self):
        if not self._receive():
            raise Closed

    def _receive(self):
        """False at the end of the stream. TimeoutError where the daemon stays silent."""
        try:
            data = self._sock.recv(65536)
        except ConnectionResetError:
            return False
        self._pending += data
        return bool(data)


def request_bytes(method, target, headers=(), body=None, version="HTTP/1.1", host="localhost"):
    """A request; @headers are pairs, Content-Length is added for a body unless given."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    names = {name.lower() for name, _ in headers}
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def exchange(port, data, method="GET"):
    """Sends @data on a new connection; the final answer, or None where the daemon closed without
    one."""
    with RawConnection(port) as connection:
        connection.try_send(data)
        try:
            return connection.final_answer(method)
        except Closed:
            return None
