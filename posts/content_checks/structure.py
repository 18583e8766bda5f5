"""Checks of headings and sections."""

from collections.abc import Iterator

from markdown_it.rules_block.table import escapedSplit

from posts.content_checks.registry import Told, Unread, check
from posts.content_checks.text import WORDS, CheckedText, Spot, spot_of
from posts.rendering.blocks import comments_in, words_in

# A section of fewer words, and without code, list, table, picture or sections of its own, says nothing.
MIN_SECTION_WORDS = 8


@check("heading-skip", "advises", inputs=["intro", "body"])
def heading_skip(text: CheckedText) -> Iterator[Told]:
    """Yield headings that skip a level. Our pages correct this; other readers of the record don't."""
    last = 0
    for field, block in text.blocks:
        if block.kind == "heading":
            if last and block.level > last + 1:
                yield (
                    f"The heading “{block.text[:80]}” jumps from level {last} to {block.level}. "
                    f"Make it level {last + 1}.",
                    spot_of(field, block),
                )
            last = block.level


@check("thin-section", "advises", inputs=WORDS)
def thin_section(text: CheckedText) -> Iterator[Told]:
    """Yield headings with almost nothing below them."""
    if not text.has_words:
        yield Unread("This script has no spaces between words, so the length of sections was not checked.")
        return
    for title, spot, count in _sections(text):
        if count < MIN_SECTION_WORDS:
            words = "no word" if not count else f"{count} word{'s' if count > 1 else ''}"
            yield f"The section “{title[:80]}” has {words}. Write the section or remove it.", spot


def _sections(text: CheckedText) -> Iterator[tuple[str, Spot, int]]:
    """Yield (heading, its spot, words) of each section that contains only paragraphs."""
    # Before the first heading there is no section.
    title, spot, level, words, is_full = "", Spot(""), 0, 0, True
    for field, block in text.blocks:
        if block.kind == "heading":
            if not is_full and block.level <= level:
                yield title, spot, words
            title, spot, level, words, is_full = block.text, spot_of(field, block), block.level, 0, False
        elif block.kind == "comment":
            continue
        elif block.kind == "paragraph" and not block.placed:
            words += words_in(block.text)
        else:
            is_full = True
    if not is_full:
        yield title, spot, words


@check("table-cells", "advises", inputs=["intro", "body"])
def table_cells(text: CheckedText) -> Iterator[Told]:
    """Yield rows with more cells than their table has columns: Markdown leaves the rest out."""
    columns = 0
    for field, block in text.blocks:
        if block.kind != "row" or "|" not in block.source:
            continue
        cells = _cells_of(block.source)
        if "table head" in block.setting:
            columns = len(cells)
        elif len(cells) > columns > 0 and (lost := " ".join(filter(None, cells[columns:]))):
            width = f"{columns} column{'s' if columns > 1 else ''}"
            yield (
                f"This row has {len(cells)} cells and its table {width}, so readers don’t see “{lost[:80]}”. "
                "Write a vertical line within a cell as \\|, in code too.",
                spot_of(field, block),
            )


def _cells_of(source: str) -> list[str]:
    """Return the cells of a row as written. The lines at both ends of the row are not cells."""
    cells = [cell.strip() for cell in escapedSplit(source.lstrip(" \t>").rstrip())]
    if cells and not cells[0]:
        cells.pop(0)
    if cells and not cells[-1]:
        cells.pop()
    return cells


@check("comment", "advises", inputs=["intro", "body"])
def comment(text: CheckedText) -> Iterator[Told]:
    """Yield HTML comments: pages leave them out, but anybody can read them in the record."""
    for field, block in text.blocks:
        for words in comments_in(block):
            yield (
                f"The page hides the comment “{words[:200]}”, but the public JSON of the record includes it. "
                "Delete it if readers must not see it.",
                spot_of(field, block, "<!--"),
            )


@check("not-taken-apart", "advises", inputs=["intro", "body"])
def not_taken_apart(text: CheckedText) -> Iterator[Told]:
    """Yield a finding for an unparsed text, which the checks of code, headings and images can't read."""
    if not text.is_parsed:
        yield (
            "The text is too long, nested too deeply or has too many special characters. Its code, headings and image "
            "places were not checked. Check them yourself, or shorten the text.",
            "/body",
        )
