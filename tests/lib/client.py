"""An HTTP client for well-formed requests, over http.client. One connection, kept alive; not for
several threads."""
import http.client
import json
import select
import urllib.parse

TIMEOUT_SECONDS = 15


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # email.message.Message: names without case
        self.body = body

    def json(self):
        """The body as JSON; -0 keeps its sign."""
        return json.loads(self.body, parse_int=lambda text: -0.0 if text == "-0" else int(text))

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    def __init__(self, port, token=None, timeout=TIMEOUT_SECONDS):
        self.port = port
        self.token = token
        self._timeout = timeout
        self._connection = None

    def request(self, method, target, body=None, headers=None, query=None):
        """@body: bytes or str as it is, anything else as JSON. @query: a dict or list of pairs."""
        if query:
            target += "?" + urllib.parse.urlencode(query)
        connection = self._connect()
        try:
            connection.request(method, target, _encode(body), self._headers(body, headers))
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        return answer

    def get(self, target, query=None, headers=None):
        return self.request("GET", target, None, headers, query)

    def post(self, target, body, query=None, headers=None):
        return self.request("POST", target, body, headers, query)

    def delete(self, target, headers=None):
        return self.request("DELETE", target, None, headers)

    def record(self, name, value, timestamp=None, labels=None, **extra):
        """POST /metrics; the answer must be 200."""
        answer = self.post("/metrics", item(name, value, timestamp, labels), **extra)
        assert answer.status == 200, answer
        return answer.json()

    def record_all(self, items):
        """POST /metrics/batch; the answer must be 200."""
        answer = self.post("/metrics/batch", {"metrics": items})
        assert answer.status == 200, answer
        return answer.json()

    def values(self, name, **query):
        """GET /metrics/{name}; the answer must be 200."""
        answer = self.get(path_of(name), query)
        assert answer.status == 200, answer
        return answer.json()

    def aggregate(self, name, **query):
        answer = self.get(path_of(name) + "/aggregate", query)
        assert answer.status == 200, answer
        return answer.json()

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self):
        if self._connection is not None and self._is_stale():
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._timeout)
        return self._connection

    def _is_stale(self):
        """Nothing is asked, so a readable socket is one that the daemon closed."""
        sock = self._connection.sock
        if sock is None:
            return True
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))

    def _headers(self, body, headers):
        merged = {}
        if self.token is not None:
            merged["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            merged["Content-Type"] = "application/json"
        for name, value in (headers or {}).items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        return merged


def path_of(name):
    return "/metrics/" + urllib.parse.quote(name, safe="")


def item(name, value, timestamp=None, labels=None):
    """An item as POST /metrics and batches take it."""
    made = {"metric_name": name, "value": value}
    if timestamp is not None:
        made["timestamp"] = timestamp
    if labels is not None:
        made["labels"] = labels
    return made


def _encode(body):
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body).encode()
