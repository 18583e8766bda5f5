"""The texts of a record with the addresses of links replaced, and nothing else changed."""

import copy
import re
from collections.abc import Iterator, Mapping

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.common.utils import unescapeAll
from markdown_it.token import Token

from posts.errors import Refused
from posts.records.schema import RecordDict
from posts.rendering.parser import TextTooCostly, markdown_tokens
from posts.rendering.web_addresses import TEXTS, addresses_in_words, link_addresses, with_texts_elsewhere

CANNOT = "This address can't be replaced without changing anything else. Change it in the form."
# What may stand before an address: the end of the words of a link, the label of a definition, an angle bracket; or
# nothing, before an address that is its own link.
_ADDRESS = re.compile(
    r"""(?P<lead>\]\(\s*<?|^[ >]*\[[^\[\]\n]{1,200}\]:[ \t]+<?|<|(?<![\w/:."'=])(?=https?://))"""
    r"(?P<address>[^\s<>\]]+)",
    re.MULTILINE,
)
_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_AFTER = frozenset(")\"'.,;:!?*_~|")


def with_addresses(record: RecordDict, new: Mapping[str, str]) -> RecordDict:
    """Return a copy of a record whose links, pictures and other fields have other addresses.

    new: {address as the HTML has it: the new one, or "" to keep the words of a link alone}. Raises Refused if that
    can't be done without touching anything else. A record that names none of them comes back equal.
    """
    changed = with_texts_elsewhere(copy.deepcopy(record), lambda words: _in_words(words, new))
    for name in TEXTS:
        if text := record.get(name):
            changed[name] = _replaced(text, new)
    for image in changed.get("image_sources", ()):
        image["url"] = new.get(image["url"]) or image["url"]
    return changed


def _in_words(words: str, new: Mapping[str, str]) -> str:
    """Return a text that is not Markdown with the addresses replaced. One without a new address stays."""
    written, last = "", 0
    for found in addresses_in_words(words):
        written += words[last : found.start()] + (new.get(found[0]) or found[0])
        last = found.end()
    return written + words[last:]


def _replaced(text: str, new: Mapping[str, str]) -> str:
    try:
        before = markdown_tokens(text)
        links = list(link_addresses(before))
        if not set(links) & set(new):
            return text
        written = _write(text, before, new)
        after = markdown_tokens(written)
    except TextTooCostly as refusal:
        raise Refused(CANNOT) from refusal
    wanted = [_as_in_html(_as_written(new[address])) if address in new else address for address in links]
    if list(link_addresses(after)) != [address for address in wanted if address]:
        raise Refused(CANNOT)
    if list(_rest(before, new)) != list(_rest(after, new)):
        raise Refused(CANNOT)
    return written


def _write(text: str, tokens: list[Token], new: Mapping[str, str]) -> str:
    """Return the text with the addresses replaced wherever it is not code."""
    code = {
        number
        for token in tokens
        if token.type in ("fence", "code_block") and token.map
        for number in range(*token.map)
    }
    parts: list[str] = []
    prose: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        if number in code:
            parts.append(_write_prose("".join(prose), new))
            prose = []
            parts.append(line)
        else:
            prose.append(line)
    return "".join([*parts, _write_prose("".join(prose), new)])


def _write_prose(text: str, new: Mapping[str, str]) -> str:
    written, last = [], 0
    for span in _CODE.finditer(text):
        written += [_write_words(text[last : span.start()], new), span[0]]
        last = span.end()
    return "".join([*written, _write_words(text[last:], new)])


def _write_words(text: str, new: Mapping[str, str]) -> str:
    for address, other in new.items():
        if not other:
            text = _without_link(text, address)

    def replaced(found: re.Match[str]) -> str:
        written = found["address"]
        end = len(written)
        while end:
            other = new.get(_as_in_html(written[:end]))
            if other:
                return f"{found['lead']}{_as_written(other)}{written[end:]}"
            if written[end - 1] not in _AFTER:
                # Behind a bracket may follow more of the text: [words](address)more.
                end = written.rfind(")", 0, end)
                if end < 0:
                    break
                continue
            end -= 1
        return found[0]

    return _ADDRESS.sub(replaced, text)


def _without_link(text: str, address: str) -> str:
    """Return the text with the words alone of each `[words](address)`."""
    link = re.compile(r"""(?<!!)\[([^\[\]]*)\]\(\s*<?([^\s<>()]+)>?(?:\s+(?:"[^"\n]*"|'[^'\n]*'))?\s*\)""")
    return link.sub(lambda found: found[1] if _as_in_html(found[2]) == address else found[0], text)


def _as_in_html(written: str) -> str:
    return normalizeLink(unescapeAll(written))


def _as_written(address: str) -> str:
    """Return an address as Markdown takes it, wherever one may stand."""
    return address.replace("(", "%28").replace(")", "%29").replace("|", "%7C")


def _rest(tokens: list[Token], new: Mapping[str, str]) -> Iterator[str]:
    """Yield all that a text says besides the addresses of links; an address among its words counts as replaced."""
    for token in tokens:
        if not token.children:
            yield f"{token.type} {token.info} {token.content if token.type != 'inline' else ''}"
        words = ""
        for child in token.children or ():
            if child.type in ("link_open", "link_close"):
                continue
            words += child.content if child.type == "text" else f"<{child.type} {child.content}>"
        for address, other in new.items():
            if other:
                words = words.replace(address, other)
        yield words
