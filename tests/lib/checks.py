"""What every answer of the daemons promises, checked in one place."""
import datetime
import re

RFC3339_MS = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
SNAKE_CASE = re.compile(r"\A[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")


def header(answer, name):
    """Of a client's answer or of a raw one; None where absent."""
    return answer.headers.get(name) or answer.headers.get(name.lower())


def media_type(answer):
    return (header(answer, "Content-Type") or "").partition(";")[0].strip().lower()


def check_json(answer, status=200):
    """The body, which is JSON and says so."""
    assert answer.status == status, answer
    assert media_type(answer) == "application/json", answer.headers
    return answer.json()


def check_error(answer, status, code=None, mentions=()):
    """An error as API.md has it; @mentions are words that its message must contain."""
    body = check_json(answer, status)
    assert set(body) >= {"success", "error", "message"}, body
    assert body["success"] is False, body
    assert SNAKE_CASE.match(body["error"]), body
    assert body["message"].strip(), body
    if code is not None:
        assert body["error"] == code, body
    for word in [mentions] if isinstance(mentions, str) else mentions:
        assert word in body["message"], (word, body)
    check_error_headers(answer, status)
    return body


def check_error_headers(answer, status):
    if status == 401:
        assert (header(answer, "WWW-Authenticate") or "").startswith("Bearer"), answer.headers
    if status == 405:
        assert header(answer, "Allow"), answer.headers
    if status in (429, 503):
        assert int(header(answer, "Retry-After")) >= 0, answer.headers


def allowed_methods(answer):
    return {method.strip() for method in header(answer, "Allow").split(",")}


def check_moment(text):
    """An instant as answers write them, close to now."""
    assert RFC3339_MS.match(text), text
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert abs((datetime.datetime.now(datetime.timezone.utc) - moment).total_seconds()) < 60, text
