"""What a person needs in order to declare who wrote the posts of an import."""

from argparse import ArgumentTypeError
from typing import Any

from posts.models.origin import Origin, origin_from

GENERATORS_SHOWN = 10


def origin_argument(text: str) -> Origin:
    """Return the Origin that a command argument names; a type for argparse."""
    try:
        return origin_from(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def named_generators(breakdown: dict[str, dict[str, Any]]) -> list[tuple[str, int]]:
    """Return [(name, count)] of the generators that the records of an import name most, as suggestions."""
    named = breakdown.get("generators", {}).items()
    return sorted(named, key=lambda item: (-item[1], item[0]))[:GENERATORS_SHOWN]
