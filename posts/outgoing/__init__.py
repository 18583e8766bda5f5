"""What leaves the machine: one HTTP client for everything that the site fetches or sends."""

from typing import TYPE_CHECKING, Any

from posts.outgoing.answers import (
    Answer,
    Limits,
    OutgoingError,
    OutgoingFailed,
    OutgoingRefused,
    OutgoingUntrusted,
)
from posts.outgoing.public_networks import ANYWHERE

if TYPE_CHECKING:
    from posts.outgoing.fetcher import fetch
else:

    def fetch(address: str, **options: Any) -> Answer:
        """Do what posts.outgoing.fetcher.fetch does. Few processes need its client, which takes 5 MB."""
        from posts.outgoing import fetcher

        return fetcher.fetch(address, **options)


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
