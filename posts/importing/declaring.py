"""What a person needs to declare who wrote the posts of an import."""

from argparse import ArgumentTypeError

from posts.models.origin import origin_from

GENERATORS_SHOWN = 10


def origin_argument(text):
    """The Origin that an argument names, in any of its spellings; a type of argparse."""
    try:
        return origin_from(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def named_generators(breakdown):
    """[(name, count)] of the generators that the records of an import name most: a suggestion, and no more."""
    named = breakdown.get("generators", {}).items()
    return sorted(named, key=lambda item: (-item[1], item[0]))[:GENERATORS_SHOWN]
