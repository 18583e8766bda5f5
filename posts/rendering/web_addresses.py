"""The addresses that a record names: where its links lead, and its pictures."""

import contextlib
from collections.abc import Iterator

from markdown_it.token import Token

from posts.records.schema import RecordDict
from posts.rendering.parser import TextTooCostly, markdown_tokens

# Longer ones lead nowhere that a browser goes.
MAX_ADDRESS = 2000
TEXTS = ("intro", "body")


def link_addresses(tokens: list[Token]) -> Iterator[str]:
    """Yield the address of each link in block tokens, in order, as often as it stands there.

    A picture in a line is shown as a link to it, so its address counts.
    """
    for token in tokens:
        for child in token.children or ():
            address = {"link_open": "href", "image": "src"}.get(child.type)
            if address and (found := str(child.attrGet(address) or "")):
                yield found


def links_of_text(text: str) -> list[str]:
    """Return the addresses of the links of one Markdown text; none of a text that is too costly to parse."""
    with contextlib.suppress(TextTooCostly):
        return list(link_addresses(markdown_tokens(text)))
    return []


def web_addresses(record: RecordDict) -> list[str]:
    """Return the addresses on the web that a record's links and pictures name, in order, each once."""
    found: dict[str, None] = {}
    for name in TEXTS:
        if (text := record.get(name)) and "//" in text:
            found |= dict.fromkeys(links_of_text(text))
    found |= dict.fromkeys(image["url"] for image in record.get("image_sources", ()))
    return [address for address in found if address.startswith(("https://", "http://")) and len(address) <= MAX_ADDRESS]
