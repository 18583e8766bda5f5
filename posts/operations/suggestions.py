"""The text of a record with one passage replaced, as a suggestion asks."""

import copy

from posts.diff.anchors import TEXTS, Anchor, blocks_in
from posts.errors import Refused
from posts.records.schema import RecordDict

FORMATTED = "The passage is formatted, or its words are also in a link or a comment. Change the text in the form."


def with_suggestion(record: RecordDict, anchor: Anchor, suggestion: str) -> RecordDict:
    """Return a copy of `record` with the passage at `anchor`, which must be in it, replaced by `suggestion`.

    Raises Refused if that can't be done without touching anything else, as with words that are half in a link.
    """
    if anchor.block and anchor.end - anchor.start != len(anchor.exact):
        raise Refused("The passage is too long for a suggestion. Change the text in the form.")
    changed = copy.deepcopy(record)
    if anchor.part in TEXTS:
        changed[anchor.part] = _replaced(record, anchor, suggestion)
        if _others(record, anchor) != _others(changed, anchor):
            raise Refused(FORMATTED)
    elif anchor.part == "checklist":
        items = changed["checklist"]
        items[anchor.block - 1] = _cut(items[anchor.block - 1], anchor, suggestion)
    elif anchor.part == "image_sources":
        image = changed["image_sources"][anchor.block - 1]
        image["caption"] = _cut(image.get("caption", ""), anchor, suggestion)
    else:
        _set_value(changed, anchor.part, suggestion)
    return changed


def _cut(text: str, anchor: Anchor, suggestion: str) -> str:
    return _put(text, anchor.start, anchor.end, suggestion)


def _put(text: str, start: int, end: int, suggestion: str) -> str:
    """Return `text` with characters replaced; deleted words take the space before them along."""
    before, after = text[:start], text[end:]
    if not suggestion and before.endswith(" ") and not after[:1].isalnum():
        before = before[:-1]
    return before + suggestion + after


def _replaced(record: RecordDict, anchor: Anchor, suggestion: str) -> str:
    """Return the source of a text with the passage replaced.

    The passage is found in the source by its number among equal words: they must be as many there as on the page.
    """
    source, words = record.get(anchor.part, ""), anchor.exact
    blocks = [block.text for block in blocks_in(record, anchor.part)]
    before = sum(text.count(words) for text in blocks[: anchor.block - 1])
    before += blocks[anchor.block - 1][: anchor.start].count(words)
    if not words or source.count(words) != sum(text.count(words) for text in blocks):
        raise Refused(FORMATTED)
    at = -1
    for _ in range(before + 1):
        at = source.find(words, at + 1 if at < 0 else at + len(words))
    return _put(source, at, at + len(words), suggestion)


def _others(record: RecordDict, anchor: Anchor) -> tuple[list[str], list[str]]:
    """Return the texts of the blocks before and after the one of `anchor`."""
    texts = [block.text for block in blocks_in(record, anchor.part)]
    after = len(blocks_in(record, anchor.part)) - anchor.block
    return texts[: anchor.block - 1], texts[len(texts) - after :] if after > 0 else []


def _set_value(record: RecordDict, pointer: str, suggestion: str) -> None:
    parent, _, last = pointer.rpartition("/")
    value = record
    for step in parent.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    key = int(last) if isinstance(value, list) else last.replace("~1", "/").replace("~0", "~")
    if not isinstance(value[key], str):
        raise Refused("Only words can be replaced by a suggestion. Change this value in the form.")
    value[key] = suggestion
