"""A worker that answers a control daemon as a test's script says, and remembers what it was asked."""
import http.server
import json
import queue
import socket
import threading
import urllib.parse

HANG_SECONDS = 60  # nobody waits that long

HANG = "hang"  # reads the request and never answers
DIE = "die"  # reads the request and closes the connection
OK = (200, None)


def refusal(status, code, **members):
    """An answer for a script: an error as workers give it."""
    return status, {"success": False, "error": code, "message": code, **members}


class Pieces:
    """A long answer for a script: 200, in chunks; where it is not whole, it breaks off."""

    def __init__(self, pieces, is_whole=True):
        self.n_sent = 0
        self.is_lost = False  # who asked went away
        self._pieces = pieces
        self._is_whole = is_whole

    def write(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            for piece in self._pieces:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.n_sent += len(piece)
        except OSError:
            self.is_lost = True
        if self._is_whole and not self.is_lost:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True


class Call:
    """An append, as it came."""

    def __init__(self, worker, query, body):
        self.worker = worker
        self.session = query.get("session")
        self.sequence = int(query.get("sequence", 0))
        self.body = body

    @property
    def same(self):
        """Equal for what a shard must take for the same batch."""
        return self.session, self.sequence, self.body

    def __repr__(self):
        return f"<{self.session} {self.sequence} at worker {self.worker.id}>"


class FakeCluster:
    """@n workers of one shard, at @ports; calls of all of them come in order out of next_call()."""

    def __init__(self, ports, name="raftmetrics"):
        self.name = name
        self._calls = queue.Queue()
        self.workers = [FakeWorker(self, i, port) for i, port in enumerate(ports, 1)]

    def lead(self, worker, term):
        """From now on @worker (None: nobody) says that it leads, and no other does."""
        for each in self.workers:
            each.term = term if each is worker else None

    def next_call(self, timeout=10):
        return self._calls.get(timeout=timeout)

    def has_calls(self):
        return not self._calls.empty()

    def stop(self):
        for worker in self.workers:
            worker.stop()


def take_next(script, default):
    """What a script says next; it may be a function that says so, and changes things at that moment."""
    taken = script.pop(0) if script else default
    return taken() if callable(taken) else taken


class FakeWorker:
    """Each append takes the next of @script, OK when there is none; reads likewise @reads."""

    def __init__(self, cluster, worker_id, port):
        self.cluster = cluster
        self.id = worker_id
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.term = None  # not None: it leads
        self.script = []
        self.session_script = []
        self.reads = []
        self.n_reads = 0
        self.n_polls = 0  # how often it was asked what it leads
        self.opened = []  # sessions
        self.shards = []  # of its status
        self.is_silent = False  # as one that was stopped: it answers nothing at all
        self.released = threading.Event()
        self._server = None
        self.start()

    def start(self):
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.fake = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self):
        """Its port is closed, and its connections with it."""
        if self._server is not None:
            self.released.set()
            self._server.shutdown()
            self._server.close_all()
            self._server.server_close()
            self._server = None

    def describe(self):
        leads = [] if self.term is None else [{"shard": 0, "term": self.term}]
        return {"cluster": {"name": self.cluster.name, "fingerprint": "0123456789abcdef", "shards": 1,
                            "workers": len(self.cluster.workers), "replicas": len(self.cluster.workers)},
                "worker": self.id, "leads": leads, "disk_low": False}

    def take_append(self, query, body):
        self.cluster._calls.put(Call(self, query, body))
        return take_next(self.script, OK)

    def take_session(self, query):
        self.opened.append(query["session"])
        return self.session_script.pop(0) if self.session_script else (200, {})

    def take_read(self):
        self.n_reads += 1
        return take_next(self.reads, (200, {"values": [self.id]}))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args):
        self._open = set()
        super().__init__(*args)

    def process_request(self, request, address):
        self._open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        """A connection that the other side ended."""

    def close_all(self):
        for each in list(self._open):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        fake = self.server.fake
        if self.path == "/internal/cluster":
            fake.n_polls += 1
            self.answer((200, fake.describe()))
        elif self.path == "/internal/status":
            self.answer((200, {"workers": [{"id": fake.id, "state": "up"}], "shards": fake.shards}))
        elif self.path.startswith("/internal/exposition?"):
            self.answer_page(fake.take_page(dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))))
        else:
            self.answer_page(fake.take_read())

    def answer_page(self, page):
        if isinstance(page, bytes):
            self.reply(200, "application/octet-stream", page)
        else:
            self.answer(page)

    def do_POST(self):
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/internal/session":
            self.answer(fake.take_session(query))
            return
        answer = fake.take_append(query, body)
        if answer == OK:
            self.reply(200, "application/x-protobuf", reply_to(body))
        else:
            self.answer(answer)

    def answer(self, answer):
        if answer == HANG or self.server.fake.is_silent:
            self.server.fake.released.wait(HANG_SECONDS)
            self.close_connection = True
        elif answer == DIE:
            self.close_connection = True
        elif isinstance(answer, Pieces):
            answer.write(self)
        else:
            self.reply(answer[0], "application/json", json.dumps(answer[1]).encode())

    def reply(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def reply_to(batch):
    """The WriteReply to a WriteBatch: all of it is done."""
    n, at = 0, 0
    while at < len(batch):
        at += 1  # the field's tag
        size, shift = 0, 0
        while True:
            byte = batch[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        at += size
        n += 1
    assert n < 128
    return bytes([0x0a, n]) + bytes(n)
