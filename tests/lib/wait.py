"""Waiting for something to become true, instead of sleeping and hoping."""
import time

POLL_SECONDS = 0.01


def wait_until(predicate, timeout, what="the condition"):
    """The first true value of predicate(); AssertionError that names @what after @timeout seconds.
    A predicate may raise OSError for "not yet": a daemon that is not up refuses connections."""
    end = time.monotonic() + timeout
    refusal = None
    while True:
        try:
            value = predicate()
            refusal = None
        except OSError as error:
            value, refusal = None, error
        if value:
            return value
        if time.monotonic() >= end:
            because = f" ({refusal!r})" if refusal else ""
            raise AssertionError(f"waited {timeout} s in vain for {what}{because}")
        time.sleep(POLL_SECONDS)
