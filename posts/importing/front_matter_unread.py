"""Finds apparent front matter that was not read, and that says whether the text is public."""

import re
from itertools import takewhile

from posts.importing.front_matter_keys import (
    FENCE,
    MAX_HEAD_LINES,
    NO_KEY,
    WORDS_ALONE,
    begins_like_a_head,
    block_of,
    key_lines,
)
from posts.importing.publication import hold_of, rule_of
from posts.models.post_hold import HoldReason

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+\S.*")
_BEFORE_KEYS = ("<!--", "-->", "```", "~~~", "import ", "[//]:", "[comment]:", "{%", "{#", "{/*", "%%")
# The last line on which a fence may still open front matter.
_MAX_LINES_BEFORE = 10


def unread_line(body: str, has_head: bool) -> int:
    """Return the number (from 1) of the line of a text that decides publication but was not read, or 0.

    has_head: whether front matter was read before this text.
    """
    lines = body.split("\n")
    start = heading = 0
    while start < len(lines) and _is_before_head(lines[start], has_head, heading):
        heading = heading or start + 1 if _HEADING.fullmatch(lines[start]) else heading
        start += 1
    is_fenced = any(FENCE.fullmatch(line.strip()) for line in lines[:start])
    if has_head and (heading or not is_fenced):
        return 0
    found = _line_from(lines, start, is_fenced=is_fenced, has_heading=bool(heading))
    if not found and not has_head and (start := _fence_below_other_lines(lines)):
        found = _line_from(lines, start, is_fenced=True)
    return found


def _line_from(lines: list[str], start: int, *, is_fenced: bool, has_heading: bool = False) -> int:
    """Return the number (from 1) of the line in apparent front matter from `start` that decides publication."""
    start = next((number for number in range(start, len(lines)) if lines[number].strip()), start)
    block = list(takewhile(lambda line: not FENCE.fullmatch(line.strip()), block_of(lines[start:])))
    found = [(number, match) for number, line in enumerate(block) for match in key_lines(line)]
    neutral = sum(bool(NO_KEY.match(line)) for line in block)
    if 2 * len(found) < len(block) - neutral:
        return 0
    if has_heading and not is_fenced and len({number for number, _ in found}) < len(block):
        return 0
    for number, match in found:
        if _says_whether_public(match, is_alone=len(found) == 1, is_fenced=is_fenced, has_heading=has_heading):
            return start + number + 1
    return 0


def _says_whether_public(match: re.Match[str], *, is_alone: bool, is_fenced: bool, has_heading: bool) -> bool:
    """Return whether a key line (a match of KEY_LINE) says that a text is public or not."""
    rule = rule_of(match[1])
    value = (match[2] or match[3] or match[4] or "").strip(" \t*_,;}")
    if not rule or rule.ignores_unknown or (is_alone and len(value.split()) > WORDS_ALONE):
        return False
    if is_fenced and not has_heading:
        return True
    # Below its heading a text may begin with “Status: …”, and anywhere with “Published: 4 May 2020”.
    hold = hold_of(match[1], value, value)
    return hold is not None and not (has_heading and hold.reason == HoldReason.UNKNOWN)


def _fence_below_other_lines(lines: list[str]) -> int:
    """Return the index of the first key of fenced front matter below other lines, or 0.

    Such lines are for example `'use client'`.
    """
    for number, line in enumerate(lines[:_MAX_LINES_BEFORE], 1):
        if FENCE.fullmatch(line.strip()):
            block = list(takewhile(lambda line: not FENCE.fullmatch(line.strip()), lines[number:]))
            has_end = number + len(block) < len(lines)
            return number if block and has_end and len(block) <= MAX_HEAD_LINES and begins_like_a_head(block) else 0
    return 0


def _is_before_head(line: str, has_head: bool, heading: int) -> bool:
    """Return whether a line may come before the first key: blank, fence, comment, code, import, heading."""
    is_heading = bool(_HEADING.fullmatch(line))
    line = line.strip("\ufeff \t")
    if not re.search(r"\w", line):
        # Blank, or a rule of any characters.
        return True
    if is_heading:
        # The title of a Notion page, with its properties below.
        return not has_head and not heading
    return not has_head and line.startswith(_BEFORE_KEYS)
