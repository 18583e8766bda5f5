"""What leaves the machine: one HTTP client for everything that the site fetches or sends."""

from posts.outgoing.fetcher import (
    Answer,
    Limits,
    OutgoingError,
    OutgoingFailed,
    OutgoingRefused,
    OutgoingUntrusted,
    fetch,
)
from posts.outgoing.public_networks import ANYWHERE

__all__ = [
    "ANYWHERE",
    "Answer",
    "Limits",
    "OutgoingError",
    "OutgoingFailed",
    "OutgoingRefused",
    "OutgoingUntrusted",
    "fetch",
]
