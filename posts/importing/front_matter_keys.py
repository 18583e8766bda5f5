"""Which lines look like the keys of front matter."""

import re
from collections.abc import Iterable, Iterator

from posts.importing.publication import plain_key, rule_of

# Three or more of the same character, and the language if the generator allows it (gray-matter, Eleventy).
FENCE = re.compile(r"(-{3,}|\+{3,}|;{3,})[ \t]*(\w*)")
# Keys that identify front matter without fences (Pelican, MultiMarkdown, Nikola, old Hexo), besides those of the
# table.
PLAIN_KEYS = {plain_key(key) for key in (
    "title", "date", "author", "authors", "category", "categories", "tags", "keywords", "slug", "summary",
    "description", "modified", "lang", "language", "translation", "template", "save_as", "url", "subtitle", "copyright",
    "email", "affiliation", "css", "layout", "permalink", "link", "updated", "image", "thumbnail", "license", "licence",
)}  # fmt: skip
# A key may be bold; Logseq writes two colons, and some keyboards a wide one. Without a space after the colon only yes
# and no are values, because `https:` is not a key.
KEY_LINE = re.compile(
    r"[\s\u200b\ufeff]*(?:\.\.\s|:|#\+|//\s*|[%;@>{,-]\s*)?(?:(?:export\s+)?(?:const|let|var)\s+)?"
    r"[\"'*_]{0,2}([A-Za-z_][\w.-]{0,40}?)[\"'*_]{0,2}\s*(?:：\s*(.*)|(?::=|::|[:=])[*_]{0,2}"
    r"(?:\s+(.*)|(?=[\"'\[{]|(?:true|false|yes|no)\b)(.*)|))$",
    re.IGNORECASE,
)
# A JavaScript object on one line, whose members are keys as well.
_EXPORTED = re.compile(r"\s*export\s+(?:default\s*|(?:const|let|var)\s+\w+[^={]*=\s*)\{(.+)")
# Lines of front matter that are not keys: list items, deeper levels, brackets, comments, the start of an object.
NO_KEY = re.compile(r"\s*(?:-\s.*|[\[\]{}()]+[;,]?|#.*|export\b.*[={]|import\b.*)|\s{2,}\S.*")
MAX_HEAD_LINES = 60
# The most words after a lone key for it to be front matter: a text may begin with “Status: …” and continue.
WORDS_ALONE = 3


def begins_like_a_head(lines: list[str]) -> bool:
    """Return whether lines after a fence are keys with values, not a text that begins with a rule."""
    block = list(block_of(lines))
    found = [match[1] for line in block if (match := KEY_LINE.match(line))]
    known = any(plain_key(key) in PLAIN_KEYS or rule_of(key) for key in found)
    return bool(found) and (known or len(found) > 1) and all(map(is_of_head, block))


def is_of_head(line: str) -> bool:
    return bool(KEY_LINE.match(line) or NO_KEY.match(line))


def block_of(lines: Iterable[str]) -> Iterator[str]:
    """Return the first lines up to a blank one."""
    count = 0
    for line in lines:
        if not line.strip():
            if count:
                return
            continue
        count += 1
        if count > MAX_HEAD_LINES:
            return
        yield line


def key_lines(line: str) -> list[re.Match[str]]:
    """Return the matches of the keys of a line: one, or those of an object on one line."""
    exported = _EXPORTED.match(line)
    parts = exported[1].split(",") if exported else [line]
    return [match for part in parts if (match := KEY_LINE.match(part))]
