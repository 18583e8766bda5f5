"""How commands take the origin of an import."""

from argparse import ArgumentTypeError

from posts.models.origin import origin_from


def origin_argument(text):
    """The Origin that an argument names, in any of its spellings; a type of argparse."""
    try:
        return origin_from(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
