"""Checks for what an unfinished or wrongly generated text leaves: notes to do, parts of prompts, cut and doubled ends.

They advise: each has honest uses. Code is never searched, in blocks or inline.
"""

import re
from collections.abc import Iterator

from posts.content_checks.languages import language_code, other_language
from posts.content_checks.registry import Told, check
from posts.content_checks.residue import told_of
from posts.content_checks.text import PASSAGES, CheckedText, Spot, spot_of
from posts.rendering.blocks import words_in

SHOWN = 60
# A paragraph that says so much is not repeated by chance.
MIN_REPEATED_WORDS = 20
# A last line of fewer words may be a label, a name or a greeting.
MIN_LAST_WORDS = 8
# So much of a text is read for its language.
LANGUAGE_SAMPLE = 20_000

_TO_DO = re.compile(
    # The note itself, with what is to do: not "a TODO list" and not "Tasks marked TODO".
    r"(?:^|(?<=[\n\[(]))\s{0,3}(?:TODO|FIXME|TBD|TBC|XXX|TKTK|WIP)\b(?:\s?[:\])(]|\s?[-–—]\s|\s*$)"
    r"|\[(?:TODO|FIXME|TBD|TK|WIP|citation needed|needs? (?:citation|source|review|work))\b[^\[\]\n]{0,120}\]"
    r"|\b(?:TODO|FIXME|XXX|TBD)(?:\([\w@.-]{1,40}\))?:\s"
    r"|\(TODO[ :](?!lists?\b|apps?\b|items?\b|comments?\b)[^()\n]{2,80}\)|^\s*[Cc]oming soon[.!…]?\s*$"
    r"|\[(?:[Tt]o be (?:added|completed|continued|written|determined)|[Cc]oming soon)\]"
    r"|\b(?:to be (?:written|completed|filled in|continued later))\b[.…]?\s*$"
    r"|\b(?:noch zu schreiben|à compléter|por completar)\b[.…]?\s*$",
    re.MULTILINE,
)
_LOREM = re.compile(r"\blorem ipsum\b|\bdolor sit amet\b|\bconsectetur adipi[sc]{1,2}ing\b", re.IGNORECASE)
_WORKS = r"(?:article|blog ?post|post|essay|tutorial|guide|summary|outline|introduction|section|text|piece)"
_PROMPT = re.compile(
    r"(?:^|(?<=[.!?:\n])\s{0,3})(?:please )?(?:write|generate|create|draft|compose|produce) (?:me )?(?:a|an|the) "
    rf"(?:[\w,-]+ ){{0,6}}{_WORKS} (?:about|on|of (?:at least |about |around )?\d|that|for|explaining)\b"
    r"|(?:^|\n)\s{0,3}you are (?:a|an) (?:[\w-]+ ){0,4}(?:assistant|writer|copywriter|chatbot)\b"
    r"|(?:^|\n)\s{0,3}you are (?:a|an) (?:expert|senior|experienced|professional|helpful|skilled|world-class|seasoned) "
    r"(?:[\w-]+ ){0,4}(?:author|expert|engineer|developer|editor|blogger|architect)\b"
    r"|\byour task is to (?:write|create|generate|produce|draft)\b"
    r"|\b(?:article|post|essay|tutorial|guide) (?:should|must) be (?:(?:at least|about|around|approximately"
    r"|between|no more than) )?"
    r"[\d,]+(?: ?(?:-|–|to|and) ?[\d,]+)? words\b"
    r"|(?:^|\n)\s{0,3}act as (?:a|an) (?:[\w-]+ ){0,4}(?:writer|author|expert|engineer|copywriter|assistant)\b"
    r"|(?:^|\n)\s{0,3}(?:system|user|human|assistant) ?(?:prompt|message)? ?: \S"
    r"|(?:^|\n)\s{0,3}(?:\#{1,4} ?)?(?:target audience|word count|tone|seo (?:title|description|keywords?)|"
    r"(?:primary|secondary|focus) key(?:word|phrase)s?|meta (?:title|description)|url slug|title tag) ?: ?(?!\n)\S"
    r"|(?:^|\n)\s{0,3}keywords ?: ?[\w -]{2,40}(?:, ?[\w -]{2,40})+|^\s*instruction ?:\s*$"
    r"|\b(?:do not|don't) (?:mention|say) (?:that )?you are an? (?:AI|language model)\b"
    r"|\b(?:in|use|with) (?:a|an) (?:friendly|professional|conversational|engaging|formal) tone\b[^.\n]{0,60}\bwords\b",
    re.IGNORECASE,
)
# How a text that is complete may end: a sign of the end, a closing bracket or mark, or code.
_ENDED = re.compile(
    r"""[.!?…:;)\]}>"'”’»›*_`~。！？：；）」』】।؟۔|/]\s*$|[\U0001F000-\U0001FAFF\u2190-\u2bff]\ufe0f?\s*$"""
)
_HANGING = re.compile(
    r"(?:[,–—(\[{“„«]|\b(?:and|or|the|a|an|of|to|with|for|in|because|which|that|is|are|und|oder|der|die|das|mit"
    r"|et|ou|le|la|"
    r"de|y|o|el|con|e|il|per|que))\s*$",
    re.IGNORECASE,
)


@check("residue-todo", "advises", version=2, inputs=PASSAGES)
def residue_todo(text: CheckedText) -> Iterator[Told]:
    """Yield notes of what is still to do."""
    yield from told_of(text, _TO_DO, "Something is still to do", "Do it, or delete the note.")


@check("residue-lorem", "advises", inputs=PASSAGES)
def residue_lorem(text: CheckedText) -> Iterator[Told]:
    """Yield text that only fills a space."""
    yield from told_of(text, _LOREM, "This only fills a space", "Write the text, or delete it.")


@check("residue-prompt", "advises", version=2, inputs=PASSAGES)
def residue_prompt(text: CheckedText) -> Iterator[Told]:
    """Yield parts of the instructions that a model was given."""
    yield from told_of(text, _PROMPT, "This reads like an instruction to a model", "Delete it if it is one.")


@check("residue-cut-off", "advises", inputs=["intro", "body"])
def residue_cut_off(text: CheckedText) -> Iterator[Told]:
    """Yield a last paragraph that ends within a sentence, as where a model reached the end of its answer."""
    blocks = [(field, block) for field, block in text.blocks if field == "body" and block.kind != "comment"]
    if not blocks or blocks[-1][1].kind not in ("paragraph", "item") or blocks[-1][1].placed:
        return
    field, block = blocks[-1]
    last = block.text.rstrip()
    hangs = bool(_HANGING.search(last))
    # Items of lists often end without a sign; only what hangs in the air is cut off there.
    is_cut = hangs if block.kind == "item" else not _ENDED.search(last) or hangs
    ends_in_link = bool(block.styles) and bool(block.styles[-1].address)
    if is_cut and not ends_in_link and words_in(last) >= MIN_LAST_WORDS:
        words = last[-SHOWN:].partition(" ")[2] or last[-SHOWN:]
        yield f"The text ends within a sentence (“… {words}”). Complete it.", spot_of(field, block, words)


@check("residue-language", "advises", inputs=[*PASSAGES, "language"])
def residue_language(text: CheckedText) -> Iterator[Told]:
    """Yield a text that is in another language than its record states."""
    stated = text.record.get("language", "")
    if not (code := language_code(stated)):
        return
    words = "\n".join(
        words for pointer, words, quoted in text.passages if pointer in ("/intro", "/body") and not quoted
    )
    if other := other_language(words[:LANGUAGE_SAMPLE], code):
        yield (
            f"The record states the language “{stated[:40]}”, but the text is in {other}. Correct the record, or "
            "have the text written again.",
            "/language",
        )


@check("residue-repeated", "advises", inputs=["intro", "body"])
def residue_repeated(text: CheckedText) -> Iterator[Told]:
    """Yield paragraphs that stand in the text twice."""
    seen: dict[str, int] = {}
    first: dict[str, tuple[Spot, str]] = {}
    for field, block in text.blocks:
        if block.kind not in ("paragraph", "item") or words_in(block.text) < MIN_REPEATED_WORDS:
            continue
        # A picture whose file is missing is shown as its words.
        if block.text.lstrip().startswith("!["):
            continue
        words = " ".join(block.text.casefold().split())
        seen[words] = seen.get(words, 0) + 1
        if seen[words] == 2:
            first[words] = spot_of(field, block), block.text
    for words, (spot, shown) in first.items():
        times = "twice" if seen[words] == 2 else f"{seen[words]} times"
        yield f"This paragraph stands in the text {times}: “{shown[:SHOWN]}…”. Delete what is too much.", spot
