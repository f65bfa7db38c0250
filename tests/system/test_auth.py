"""Tokens: who may do what, several at once, and none of them in a log."""
import base64

import pytest

from lib.checks import check_error, check_json
from lib.client import item, path_of
from lib.hand_made import CLUSTER_SECRET, HandMadeCluster
from lib.raw import exchange, request_bytes

TOKENS = {"reader": ["read"], "writer": ["write"], "keeper": ["admin"], "both": ["read", "write"],
          "old": ["read", "write", "admin"], "new": ["read", "write", "admin"]}
SCOPE_OF = {
    ("GET", "/metrics/auth.known"): "read", ("GET", "/metrics/auth.known/aggregate"): "read",
    ("GET", "/metrics?format=json"): "read",
    ("GET", "/status"): "read", ("GET", "/status/metrics"): "read",
    ("POST", "/metrics"): "write", ("POST", "/metrics/batch"): "write",
    ("DELETE", "/metrics/auth.unknown"): "admin",
}


def secret_of(name):
    return f"secret-of-{name}-94b1"


@pytest.fixture(scope="module")
def guarded():
    tokens = [{"name": name, "token": secret_of(name), "scopes": scopes} for name, scopes in TOKENS.items()]
    cluster = HandMadeCluster(1, both={"tokens": tokens}, log_level="debug", label="guarded")
    try:
        yield cluster.start()
    finally:
        cluster.finish(False)


def ask(node, token, method, target, body=None, headers=None):
    client = node.client()
    client.token = token
    try:
        return client.request(method, target, body, headers)
    finally:
        client.close()


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("request_line", SCOPE_OF, ids=" ".join)
def test_scopes(guarded, name, request_line):
    assert ask(guarded.control, guarded.token, "POST", "/metrics", item("auth.known", 1)).status == 200
    for node in guarded.nodes:
        made = item("auth.known", 1)
        body = {"/metrics": made, "/metrics/batch": {"metrics": [made]}}.get(request_line[1])
        answer = ask(node, secret_of(name), *request_line, body)
        if SCOPE_OF[request_line] in TOKENS[name]:
            assert answer.status == (404 if request_line[0] == "DELETE" else 200), answer
        else:
            check_error(answer, 403, mentions=SCOPE_OF[request_line])


@pytest.mark.parametrize("name", TOKENS)
def test_any_token_sees_health(guarded, name):
    for node in guarded.nodes:
        assert ask(node, secret_of(name), "GET", "/health").status == 200


def test_order_around_the_scope(guarded):
    reader, writer = secret_of("reader"), secret_of("writer")
    check_error(ask(guarded.control, reader, "PUT", "/metrics", item("a", 1)), 405)
    check_error(ask(guarded.control, reader, "POST", "/nowhere", item("a", 1)), 404)
    check_error(ask(guarded.control, reader, "POST", "/metrics", b"x", {"Content-Type": "image/png"}), 403)
    check_error(ask(guarded.control, reader, "POST", "/metrics", b"x" * 300_000), 403)
    check_error(ask(guarded.control, reader, "POST", "/metrics", b"{"), 403)
    check_error(ask(guarded.control, writer, "GET", "/metrics/a?limt=1"), 403)
    check_error(ask(guarded.control, writer, "GET", "/metrics/a/histogram"), 403)


def test_nothing_is_done_without_the_scope(guarded):
    check_error(ask(guarded.control, secret_of("reader"), "POST", "/metrics", item("auth.forbidden", 1)), 403)
    check_error(ask(guarded.control, guarded.token, "GET", path_of("auth.forbidden")), 404)
    ask(guarded.control, guarded.token, "POST", "/metrics", item("auth.kept", 1))
    check_error(ask(guarded.control, secret_of("both"), "DELETE", path_of("auth.kept")), 403)
    assert ask(guarded.control, guarded.token, "GET", path_of("auth.kept")).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_matched_without_case(shared, scheme):
    for node in shared.nodes:
        data = request_bytes("GET", "/health", [("Authorization", f"{scheme} {shared.token}")])
        assert exchange(node.port, data).status == 200


def wrong_tokens(token):
    yield from (None, "", "x", token[:-1], token + "x", token.upper(), token[::-1], token + "\t",
                "Bearer " + token, token * 2)


def test_wrong_tokens(shared):
    for node in shared.nodes:
        for token in wrong_tokens(shared.token):
            headers = [] if token is None else [("Authorization", f"Bearer {token}")]
            answer = exchange(node.port, request_bytes("GET", "/health", headers))
            if token == shared.token + "\t":
                # White space around a field's value is none of it.
                assert answer.status in (200, 401)
            else:
                check_error(answer, 401)


def test_other_schemes(shared):
    basic = base64.b64encode(f"user:{shared.token}".encode()).decode()
    for value in (f"Basic {basic}", f"Token {shared.token}", shared.token, f"Cluster {shared.token}"):
        check_error(exchange(shared.control.port, request_bytes("GET", "/health", [("Authorization", value)])),
                    401)


def test_a_token_in_the_query_is_none(shared):
    for query in ("access_token", "token", "auth_token"):
        check_error(exchange(shared.control.port, request_bytes("GET", f"/health?{query}={shared.token}")), 401)


def test_keys_are_scoped_to_the_token(guarded):
    """Two clients that happen to use the same key do not meet."""
    key = {"Idempotency-Key": "the-same"}
    for name, value in (("old", 1), ("new", 2)):
        check_json(ask(guarded.control, secret_of(name), "POST", "/metrics", item("auth.keys", value), key))
    assert sorted(ask(guarded.control, guarded.token, "GET", path_of("auth.keys")).json()["values"]) == [1, 2]


def test_rotation(make_cluster):
    """The old and the new token side by side, then only the new one."""
    def tokens(*names):
        return [{"name": name, "token": secret_of(name), "scopes": ["read"]} for name in names]
    cluster = make_cluster(n_workers=1, control={"tokens": tokens("old", "new")})
    assert [ask(cluster.control, secret_of(name), "GET", "/health").status for name in ("old", "new")] == [
        200, 200]
    cluster.control.stop()
    cluster.write_config(cluster.control, tokens=tokens("new"))
    cluster.control.start()
    assert [ask(cluster.control, secret_of(name), "GET", "/health").status for name in ("old", "new")] == [
        401, 200]


def test_no_secret_is_ever_logged(guarded):
    """At the most talkative level, whatever was right or wrong with the request."""
    secrets = [guarded.token, CLUSTER_SECRET, *map(secret_of, TOKENS)]
    for node in guarded.nodes:
        for secret in secrets:
            for value in (f"Bearer {secret}", f"Bearer {secret}x", f"Cluster {secret}", f"Basic {secret}", secret):
                exchange(node.port, request_bytes("GET", "/health", [("Authorization", value)]))
                exchange(node.port, request_bytes("GET", f"/nowhere?token={secret}", [("Authorization", value)]))
                exchange(node.port, request_bytes("POST", "/internal/append", [("Authorization", value)], b"x"))
    logs = guarded.logs()
    assert b"listens" in logs
    for secret in secrets:
        assert b"Authorization" not in logs
        # What a client writes into a URL is its own doing, but a token of ours is not repeated.
        assert secret.encode() not in logs, f"{secret} is in a log"
