"""What lists, descriptions and feeds say about a post whose record says nothing about itself."""

import re

from posts.content_checks.claims import reading_minutes
from posts.records.schema import RecordDict
from posts.rendering.from_html.to_markdown import html_to_text
from posts.search.snippets import plain_text, without_code
from posts.search.tokens import SINGLE, WORD

# What no first paragraph begins with: headings, items, tables, quotations, boxes, images, HTML, placeholders.
_NO_PARAGRAPH = re.compile(
    r"[-+*][ \t]|#{1,6}[ \t]|\d{1,9}[.)][ \t]|[|>:<]|!!!|!\[|\[checklist\]|\[\^|(?:[-=*_][ \t]*){3,}$"
)
# Headings above it are none either.
_PARAGRAPH_OF_HTML = re.compile(
    r"(?:<h[1-6]\b[^\n]*</h[1-6]>\s*)*<p(?:\s[^<>]*)?>(.*?)(?:</p\s*>|$)", re.DOTALL | re.IGNORECASE
)
# Enough of a text to hold its first paragraph.
_BEGINNING = 20_000
# Characters of an excerpt in lists; the style sheet cuts it after a few lines.
MAX_EXCERPT = 500


def excerpt_of(record: RecordDict, *, limit: int = MAX_EXCERPT) -> str:
    """Return the beginning of what a record says about itself, in one line: at most `limit` characters.

    From its summary, else its intro, else the first paragraph of its body; "" if it has none of them.
    """
    words = " ".join(record.get("summary", "").split())
    words = words or plain_text(record.get("intro", "")[:_BEGINNING]) or _first_paragraph(record.get("body", ""))
    if len(words) <= limit:
        return words
    cut = words[:limit].rpartition(" ")[0] or words[: limit - 1]
    return f"{cut.rstrip(' ·,;:')}…"


def _first_paragraph(body: str) -> str:
    """Return the first paragraph of a Markdown text that has words of its own; else the beginning of the text."""
    text = without_code(body[:_BEGINNING])
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.strip().split("\n")
        while lines and lines[0].startswith("#"):
            lines.pop(0)
        if len(lines) > 1 and set(lines[1].strip()) in ({"="}, {"-"}):
            lines = lines[2:]
        if lines and (found := _PARAGRAPH_OF_HTML.match("\n".join(lines))) and (words := html_to_text(found[1])):
            return words
        if lines and not _NO_PARAGRAPH.match(lines[0].strip()) and (words := plain_text("\n".join(lines))):
            return words
    return plain_text(text)


def computed_minutes(record: RecordDict) -> int | None:
    """Return the reading time in minutes of a record that states none; None for others and for a text without words."""
    if record.get("reading_time") or "body" not in record:
        return None
    text = "\n".join(record.get(field, "") for field in ("intro", "body"))
    # In scripts without spaces, a word is about two characters.
    words = len(WORD.findall(text)) - len(SINGLE.findall(text)) // 2
    return reading_minutes(words) if words else None
