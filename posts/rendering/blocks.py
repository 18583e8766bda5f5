"""A Markdown text as a flat list of blocks with styled words, for comparisons and checks."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

from markdown_it.token import Token

from posts.rendering.code_heads import read_code_head
from posts.rendering.left_out_tags import left_out_of
from posts.rendering.parser import TextTooCostly, markdown_tokens
from posts.rendering.template_comments import without_marks

# A longer text, or one with more special characters, is compared by the lines of its source: parsing two of them
# would take seconds (50,000 brackets do, and no article has them).
MAX_PARSED = 100_000
MAX_SPECIAL_CHARACTERS = 10_000
# The blocks of longer texts are not kept for the next time.
MAX_REMEMBERED = 30_000
# More blocks of source are joined.
MAX_SOURCE_BLOCKS = 2_000
_SIGN = re.compile(r"[\[\]<>*_`!~]")

_TOKEN = re.compile(r"\s+|\w+(?:['’]\w+)*|[^\w\s]")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
# The number of a list item only repeats its position.
_ITEM_NUMBER = re.compile(r"(?:[ >]*)\d{1,9}(?=[.)])")
_FORMATS = {
    "strong": "bold", "em": "italic", "s": "struck", "kbd": "key", "sub": "lowered", "sup": "raised",
    "mark": "highlighted", "abbr": "abbreviation",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """The format of a run of text: bold, italic, struck, code, comment and so on, and the target of its link."""

    formats: frozenset[str] = frozenset()
    address: str = ""
    is_image: bool = False


PLAIN = Style()
COMMENT = Style(frozenset(["comment"]))
NOTE_MARK = Style(frozenset(["note"]))


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list item, table row or piece of code.

    setting: what it is, in words ("heading 3", "numbered item"). tokens: its text in words, spaces and other
    characters; for code, in lines with their ends. styles: one Style for each token. place: its number in its list or
    in the text. source: its lines as written. loose: the number of blank or unread lines before it. placed: the
    address of the image that it is or places, or "checklist". left_out: the tags in it that the page leaves out.
    line: the number of its first line in its text, from 1; 0 for a text of one line, and in an unparsed one.
    """

    kind: str
    setting: str
    tokens: tuple[str, ...]
    styles: tuple[Style, ...]
    source: str
    place: int
    loose: int
    level: int = 0
    depth: int = 0
    language: str = ""
    list_number: int = 0
    placed: str = ""
    left_out: tuple[str, ...] = ()
    # Where a block is says nothing of what it is: comparisons must not see a difference there.
    line: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def is_code(self) -> bool:
        return self.kind == "code"


def words_in(text: str) -> int:
    """Return the number of words in a text."""
    return len(_WORD.findall(text))


def split_words(text: str) -> list[str]:
    """Return `text` as words, runs of white space and single characters; joined they are `text` again."""
    return _TOKEN.findall(text)


def plain_block(text: str, *, kind: str = "paragraph", setting: str = "text", place: int = 1, **more: Any) -> Block:
    """Return a text without Markdown as one Block."""
    tokens = tuple(split_words(text))
    return Block(kind, setting, tokens, (PLAIN,) * len(tokens), text, place, 0, **more)


def line_block(text: str, setting: str = "text") -> list[Block]:
    """Return a text of one line or without Markdown as a list of one Block; an empty list for an empty text."""
    return [plain_block(text, setting=setting)] if text else []


def item_blocks(items: Iterable[str]) -> list[Block]:
    """Return the items of a checklist as Blocks."""
    return [
        plain_block(text, kind="item", setting="point", place=number, depth=1, list_number=1)
        for number, text in enumerate(items, 1)
    ]


def blocks_of(text: str) -> tuple[list[Block], list[str]]:
    """Return ([Block], [line]) of a Markdown text: its blocks, and the lines with words that are in no block.

    A text that is too long or nested too deeply to parse becomes blocks of its source between blank lines.
    """
    blocks, lines = (_remembered if len(text) <= MAX_REMEMBERED else _blocks_of)(text)
    return list(blocks), list(lines)


def _blocks_of(text: str) -> tuple[list[Block], list[str]]:
    if len(text) <= MAX_PARSED and len(_SIGN.findall(text)) <= MAX_SPECIAL_CHARACTERS:
        try:
            return _Reader(text, markdown_tokens(text)).read()
        except TextTooCostly:
            pass
    return source_blocks(text), []


# Comparison, links and remarks of one page read the same texts, and so does the next page about the post.
_remembered = lru_cache(maxsize=32)(_blocks_of)


def source_blocks(text: str) -> list[Block]:
    """Return a text as unparsed blocks of its source, split at blank lines."""
    parts = [part for part in re.split(r"\n{2,}", text) if part]
    together = len(parts) // MAX_SOURCE_BLOCKS + 1
    parts = ["\n\n".join(parts[at : at + together]) for at in range(0, len(parts), together)]
    return [plain_block(part, kind="source", setting="lines of the source", place=n) for n, part in enumerate(parts, 1)]


def comments_in(block: Block) -> list[str]:
    """Return the words of the comments in a Block."""
    runs: list[list[str]] = [[]]
    for token, style in zip(block.tokens, block.styles, strict=True):
        if style != COMMENT:
            runs.append([])
        else:
            runs[-1].append(token)
    found = (" ".join(without_marks("".join(run)).split()) for run in runs)
    return [words for words in found if words]


@dataclass
class _OpenList:
    is_numbered: bool
    count: int  # the number of the latest item
    number: int  # of the list in its text
    first: int


@dataclass
class _OpenRow:
    lines: list[int] | None
    is_head: bool
    tokens: list[str] = field(default_factory=list)
    styles: list[Style] = field(default_factory=list)


class _Reader:
    """Walks the tokens of markdown-it once and keeps the open containers."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.lines = text.split("\n")
        self.tokens = tokens
        self.blocks: list[Block] = []
        self.covered = [False] * len(self.lines)
        self.lists: list[_OpenList] = []
        self.quotes, self.lists_seen = 0, 0
        self.rows: list[_OpenRow] = []
        self.notes: list[str] = []
        self.boxes: list[str] = []
        self.definitions = 0

    def read(self) -> tuple[list[Block], list[str]]:
        """Return the result of blocks_of()."""
        before = Token("", "", 0)  # nothing is before the first
        for token in self.tokens:
            if take := self._TAKE.get(token.type):
                take(self, token, before)
            before = token
        loose = [line for line, is_covered in zip(self.lines, self.covered, strict=True) if line and not is_covered]
        return self.blocks, [line for line in loose if line.strip(" >")]

    # One method for each relevant type of token; `before` is the token before it.

    def _open_list(self, token: Token, before: Token | None) -> None:
        is_numbered = token.type == "ordered_list_open"
        first = int(token.attrGet("start") or 1) if is_numbered else 1
        self.lists_seen += 1
        self.lists.append(_OpenList(is_numbered, first - 1, self.lists_seen, first))

    def _close_list(self, token: Token, before: Token) -> None:
        self.lists.pop()

    def _open_item(self, token: Token, before: Token) -> None:
        self.lists[-1].count += 1

    def _open_quote(self, token: Token, before: Token) -> None:
        self.quotes += 1

    def _close_quote(self, token: Token, before: Token) -> None:
        self.quotes -= 1

    def _open_row(self, token: Token, before: Token) -> None:
        self.rows.append(_OpenRow(token.map, before.type == "thead_open"))

    def _close_row(self, token: Token, before: Token) -> None:
        row = self.rows.pop()
        self._add("row", "table head" if row.is_head else "table row", row.tokens, row.styles, row.lines)

    def _add_code(self, token: Token, before: Token) -> None:
        lines = token.content.splitlines(keepends=True)
        language = read_code_head(token.info).language
        setting = f"code, {language}" if language else "code"
        self._add("code", setting, lines, [PLAIN] * len(lines), token.map, language=language)

    def _add_comment(self, token: Token, before: Token) -> None:
        words = split_words(token.content)
        self._add("comment", "comment, not shown to readers", words, [COMMENT] * len(words), token.map)

    def _open_note(self, token: Token, before: Token) -> None:
        self.notes.append(token.meta["label"])

    def _close_note(self, token: Token, before: Token) -> None:
        self.notes.pop()

    def _open_box(self, token: Token, before: Token) -> None:
        self.boxes.append(token.meta["kind"])

    def _close_box(self, token: Token, before: Token) -> None:
        self.boxes.pop()

    def _open_definition(self, token: Token, before: Token) -> None:
        self.definitions += 1

    def _close_definition(self, token: Token, before: Token) -> None:
        self.definitions -= 1

    def _add_formula(self, token: Token, before: Token) -> None:
        words = split_words(token.content)
        self._add("paragraph", "formula", words, [PLAIN] * len(words), token.map)

    def _add_rule(self, token: Token, before: Token) -> None:
        self._add("rule", "dividing line", ["* * *"], [PLAIN], token.map)

    def _add_left_out(self, token: Token, before: Token) -> None:
        self._add("tag", "tags, not shown to readers", [], [], token.map, left_out=_left_out(token))

    def _add_inline(self, token: Token, opened: Token) -> None:
        tokens, styles = inline_tokens(token.children)
        if self.rows:
            row = self.rows[-1]
            if row.tokens:
                row.tokens.append(" | ")
                row.styles.append(PLAIN)
            row.tokens.extend(tokens)
            row.styles.extend(styles)
        elif opened.type == "heading_open":
            level = int(opened.tag[1])
            self._add("heading", f"heading {level}", tokens, styles, opened.map, level=level)
        elif self.lists:
            innermost = self.lists[-1]
            setting = "numbered item" if innermost.is_numbered else "list item"
            if innermost.is_numbered and innermost.first != 1:
                setting += f", counted from {innermost.first}"
            if len(self.lists) > 1:
                setting += f", {len(self.lists)} deep"
            self._add(
                "item", setting, tokens, styles, opened.map, placed=_placed(token, styles), left_out=_left_out(token)
            )
        else:
            what = "term" if opened.type == "dt_open" else "definition" if self.definitions else "paragraph"
            self._add(
                "paragraph", what, tokens, styles, opened.map, placed=_placed(token, styles), left_out=_left_out(token)
            )

    _TAKE: ClassVar = {
        "bullet_list_open": _open_list,
        "ordered_list_open": _open_list,
        "bullet_list_close": _close_list,
        "ordered_list_close": _close_list,
        "list_item_open": _open_item,
        "blockquote_open": _open_quote,
        "blockquote_close": _close_quote,
        "tr_open": _open_row,
        "tr_close": _close_row,
        "fence": _add_code,
        "code_block": _add_code,
        "comment": _add_comment,
        "note_open": _open_note,
        "note_close": _close_note,
        "hr": _add_rule,
        "left_out": _add_left_out,
        "box_open": _open_box,
        "box_close": _close_box,
        "dd_open": _open_definition,
        "dd_close": _close_definition,
        "formula_block": _add_formula,
        "inline": _add_inline,
    }

    def _add(
        self,
        kind: str,
        setting: str,
        tokens: Iterable[str],
        styles: Iterable[Style],
        lines: Sequence[int] | None,
        **more: Any,
    ) -> None:
        start, end = lines or (0, 0)
        loose = 0
        while start - loose > 0 and not self.covered[start - loose - 1]:
            loose += 1
        for number in range(start, end):
            self.covered[number] = True
        if self.notes:
            setting += f", note {self.notes[-1]}"
        if self.quotes:
            setting += ", quoted" if self.quotes == 1 else f", quoted {self.quotes} deep"
        if self.boxes:
            setting += f", in a {self.boxes[-1]} box"
        source = "\n".join(self.lines[start:end]).rstrip("\n")
        if self.lists:
            source = _ITEM_NUMBER.sub("1", source, count=1) if self.lists[-1].is_numbered else source
            more |= {"depth": len(self.lists), "list_number": self.lists[-1].number}
        self.blocks.append(
            Block(
                kind=kind,
                setting=setting,
                tokens=tuple(tokens),
                styles=tuple(styles),
                source=source,
                place=self.lists[-1].count if self.lists else len(self.blocks) + 1,
                loose=loose,
                line=start + 1 if lines else 0,
                **more,
            )
        )


def _left_out(token: Token) -> tuple[str, ...]:
    return tuple(left_out_of([token]))


def _placed(token: Token, styles: list[Style]) -> str:
    """Return the address of the image that a paragraph is or places, "checklist", or ""."""
    if len(styles) == 1 and styles[0].is_image:
        return styles[0].address
    return "checklist" if token.content.strip() == "[checklist]" else ""


def inline_tokens(children: Iterable[Token] | None) -> tuple[list[str], list[Style]]:
    """Return ([text], [Style]) of the inline children of a token."""
    texts: list[str] = []
    styles: list[Style] = []
    formats: list[str] = []
    address = ""
    for child in children or ():
        kind = child.type
        if kind in ("softbreak", "hardbreak"):
            texts.append("\n" if kind == "hardbreak" else " ")
            styles.append(PLAIN)
        elif kind == "tag_of_cell":
            texts.append(" ")
            styles.append(PLAIN)
        elif kind == "link_open":
            address = _address(child, "href")
        elif kind == "link_close":
            address = ""
        elif kind.endswith("_open"):
            formats.append(_FORMATS[child.tag])
        elif kind.endswith("_close"):
            formats.remove(_FORMATS[child.tag])
        elif kind in ("comment", "note_mark"):
            found = split_words(child.content)
            texts += found
            styles += [COMMENT if kind == "comment" else NOTE_MARK] * len(found)
        elif kind == "image":
            texts.append(f"![{child.content}]")
            styles.append(Style(frozenset(formats), _address(child, "src"), is_image=True))
        elif child.content and kind != "left_out":
            style = Style(frozenset([*formats, "code"] if kind == "code_inline" else formats), address)
            found = split_words(child.content)
            texts += found
            styles += [style] * len(found)
    return texts, styles


def _address(token: Token, name: str) -> str:
    title = token.attrGet("title")
    return f"{token.attrGet(name) or ''}{f' “{title}”' if title else ''}"
