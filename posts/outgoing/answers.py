"""What a fetch may cost, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass


class OutgoingError(Exception):
    """An address that could not be fetched. The message is for the person who entered it."""


class OutgoingRefused(OutgoingError):
    """The site does not connect to this address, now or later."""


class OutgoingFailed(OutgoingError):
    """The other machine did not answer as it should. A later attempt may succeed."""


class OutgoingUntrusted(OutgoingFailed):
    """The other machine answered, but its certificate or its encryption is not valid."""


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost.

    seconds: from the first look-up to the last byte, redirects included. redirects: how many are followed; with 0 a
    redirect is the answer. keeps_part: return a body that breaks off, or comes too slowly, as far as it came.
    """

    seconds: float = 10.0
    body_bytes: int = 1_000_000
    redirects: int = 4
    keeps_part: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer of another machine.

    address: the one that gave it, after redirects. moved: whether one of those was permanent. body: at most the bytes
    of the limit; is_whole tells whether that is all of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: str
    moved: bool = False
    is_whole: bool = True
