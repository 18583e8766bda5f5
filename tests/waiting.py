"""Waiting for another process: ask repeatedly, with a time limit."""

import time

# A minute is not much where many processes start at once on a machine that does other things; and it is less than the
# time limit of a test, so that what is waited for is stopped and told.
PATIENT_SECONDS = 240
PAUSE_SECONDS = 0.05


def wait_until(condition, seconds=PATIENT_SECONDS):
    """Return the result of `condition()` once it is true; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(PAUSE_SECONDS)
    return found
