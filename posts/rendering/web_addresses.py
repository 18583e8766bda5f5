"""The addresses that a record names: where its links lead, and its pictures."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from markdown_it.token import Token

from posts.records.schema import RecordDict
from posts.rendering.parser import TextTooCostly, markdown_tokens

# Longer ones lead nowhere that a browser goes.
MAX_ADDRESS = 2000
TEXTS = ("intro", "body")
# What names the post itself, and what readers see as words alone.
_NO_LINKS = frozenset(["source_id", "slug", "title", "hash", "revision", *TEXTS])
# Texts that are looked at for addresses, of one record.
_MOST_TEXTS = 2000
_IN_WORDS = re.compile(r"(?<![\w/:])https?://[^\s<>\"'`|\\^{}\[\]]+", re.IGNORECASE)
_ENDS = ".,;:!?*_~"


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


def addresses_in_words(words: str) -> Iterator[re.Match[str]]:
    """Yield the matches of the addresses in a text that is not Markdown, as far as they belong to it."""
    for found in _IN_WORDS.finditer(words):
        address = found[0].rstrip(_ENDS)
        # A bracket around an address is none of it.
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(_ENDS)
        if whole := re.compile(re.escape(address)).match(words, found.start()):
            yield whole


def addresses_elsewhere(record: RecordDict) -> dict[str, str]:
    """Return {address: JSON Pointer of the first place} of the other fields, such as references and the checklist."""
    found: dict[str, str] = {}
    for pointer, words in _texts_elsewhere(record):
        for match in addresses_in_words(words):
            found.setdefault(match[0], pointer)
    return found


def _texts_elsewhere(record: RecordDict) -> Iterator[tuple[str, str]]:
    """Yield (JSON Pointer, text) of the texts of a record that may name addresses, besides intro, body and pictures."""
    left = _MOST_TEXTS
    # The last first: what is taken out of a list comes back in the order of the record.
    todo: list[tuple[str, Any]] = [(f"/{name}", record[name]) for name in reversed(record) if name not in _NO_LINKS]
    while todo and left:
        pointer, value = todo.pop()
        if isinstance(value, str):
            left -= 1
            if "://" in value and not re.fullmatch(r"/image_sources/\d+/url", pointer):
                yield pointer, value
        elif isinstance(value, dict):
            names = [(name.replace("~", "~0").replace("/", "~1"), item) for name, item in value.items()]
            todo += reversed([(f"{pointer}/{name}", item) for name, item in names])
        elif isinstance(value, list):
            todo += reversed([(f"{pointer}/{number}", item) for number, item in enumerate(value)])


def with_texts_elsewhere(record: RecordDict, change: Callable[[str], str]) -> RecordDict:
    """Return a record with the texts changed in which addresses_elsewhere() looks."""
    return {
        name: value if name in _NO_LINKS else _changed(value, change, is_images=name == "image_sources")
        for name, value in record.items()
    }


def _changed(value: Any, change: Callable[[str], str], *, is_images: bool = False) -> Any:
    if isinstance(value, str):
        return change(value) if "://" in value else value
    if isinstance(value, list):
        return [_changed(item, change, is_images=is_images) for item in value]
    if isinstance(value, dict):
        kept = "url" if is_images else None
        return {name: item if name == kept else _changed(item, change) for name, item in value.items()}
    return value


def web_addresses(record: RecordDict) -> list[str]:
    """Return the addresses on the web that a record names, in order, each once: links, pictures, other fields."""
    found: dict[str, None] = {}
    for name in TEXTS:
        if (text := record.get(name)) and "//" in text:
            found |= dict.fromkeys(links_of_text(text))
    found |= dict.fromkeys(image["url"] for image in record.get("image_sources", ()))
    found |= dict.fromkeys(addresses_elsewhere(record))
    return [address for address in found if address.startswith(("https://", "http://")) and len(address) <= MAX_ADDRESS]
