"""What a worker does all the time beside its jobs, in threads of their own: what must not wait a second."""

from collections.abc import Callable
from dataclasses import dataclass

# How often each of them is called.
EVERY_SECONDS = 0.3


@dataclass(frozen=True)
class Follower:
    """A function that workers call again and again. is_wanted: whether this site needs it at all."""

    name: str
    follow: Callable[[], None]
    is_wanted: Callable[[], bool]


_followers: list[Follower] = []


def follower(name: str, *, is_wanted: Callable[[], bool]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that each worker calls every EVERY_SECONDS. Several workers may call it at once."""

    def registered(function: Callable[[], None]) -> Callable[[], None]:
        _followers.append(Follower(name, function, is_wanted))
        return function

    return registered


def wanted_followers() -> list[Follower]:
    """Return those that this site needs."""
    return [known for known in _followers if known.is_wanted()]
