"""Waiting for what another process does: asked over and over, with an end."""

import time

DEADLINE_SECONDS = 60
PAUSE_SECONDS = 0.05


def wait_until(condition, seconds=DEADLINE_SECONDS):
    """What `condition()` gives once that is true; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(PAUSE_SECONDS)
    return found
