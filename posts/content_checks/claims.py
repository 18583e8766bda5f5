"""Checks of the record's claims against its text."""

import math
from collections.abc import Iterator
from typing import Any

from posts.content_checks.registry import Told, Unread, check
from posts.content_checks.text import WORDS, CheckedText, spaced_words

# Silent reading of non-fiction in English. Source: M. Brysbaert, "How many words do we read per minute?", 2019.
WORDS_PER_MINUTE = 238
# Only the first tools of a list are searched for.
MAX_TOOLS = 200
# A text with at least so many images is image heavy.
IMAGE_HEAVY_FROM = 5


def _flag(text: CheckedText, name: str) -> Any:
    return text.record.get("flags", {}).get(name)


@check("claim-has-images", "advises", inputs=["flags", "image_sources"])
def claim_has_images(text: CheckedText) -> Iterator[Told]:
    claim = _flag(text, "has_images")
    if claim == 1 and not text.images:
        yield "The record claims images, but has none. Add them or set has_images to 0.", "/flags/has_images"
    elif claim == 0 and text.images:
        yield (
            f"The record claims no images, but has {len(text.images)}. Set has_images to 1.",
            "/flags/has_images",
        )


@check("claim-image-heavy", "advises", inputs=["flags", "image_sources"])
def claim_image_heavy(text: CheckedText) -> Iterator[Told]:
    claim, count = _flag(text, "image_heavy"), len(text.images)
    if claim == 1 and count < IMAGE_HEAVY_FROM:
        yield f"The record claims many images, but has {count}. Set image_heavy to 0.", "/flags/image_heavy"
    elif claim == 0 and count >= IMAGE_HEAVY_FROM:
        yield f"The record claims few images, but has {count}. Set image_heavy to 1.", "/flags/image_heavy"


def reading_minutes(words: int) -> int:
    """Return the reading time of a number of words in minutes, at least 1."""
    return max(1, math.ceil(words / WORDS_PER_MINUTE))


@check("claim-reading-time", "advises", inputs=["reading_time", *WORDS])
def claim_reading_time(text: CheckedText) -> Iterator[Told]:
    claim = text.record.get("reading_time")
    if claim is not None and not text.has_words:
        yield Unread("This script has no spaces between words, so the claimed reading time was not compared.")
        return
    minutes = reading_minutes(text.word_count)
    # Up to two minutes or half of it is a matter of opinion.
    if claim is not None and abs(claim - minutes) > max(2, minutes / 2):
        yield (
            f"The record claims a reading time of {claim} minutes, but the text takes {minutes}. Correct the claim.",
            "/reading_time",
        )


@check("claim-paragraphs", "advises", inputs=["payload", "intro", "body"])
def claim_paragraphs(text: CheckedText) -> Iterator[Told]:
    claim = text.record.get("payload", {}).get("paragraphs")
    if type(claim) is not int:
        if claim is not None:
            yield Unread("The claimed number of paragraphs is not a whole number, so it was not compared.")
        return
    if not text.is_parsed:
        yield Unread("The paragraphs were not counted: the text is too long or too complex.")
        return
    counts = [
        sum(block.kind == "paragraph" and not block.placed and field in fields for field, block in text.blocks)
        for fields in (("body",), ("intro", "body"))
    ]
    # A generator may count the intro or not.
    if claim not in counts:
        yield (
            f"The record claims {claim} paragraphs, but the text has {counts[0]}. Check for missing or extra "
            f"paragraphs.",
            "/payload/paragraphs",
        )


@check("claim-tools", "advises", inputs=["tools", *WORDS])
def claim_tools(text: CheckedText) -> Iterator[Told]:
    listed = text.record.get("tools", ())
    if listed and not text.has_words:
        yield Unread("This script has no spaces between words, so the tools were not checked.")
        return
    tools = [tool for tool in listed[:MAX_TOOLS] if spaced_words(tool).strip()]
    if len(tools) < len(listed):
        yield Unread(f"{len(listed) - len(tools):,} of {len(listed):,} tools not checked.")
    unnamed = [tool for tool in tools if spaced_words(tool) not in text.spaced_text]
    if unnamed:
        shown = ", ".join(tool[:40] for tool in unnamed[:8]) + (" …" if len(unnamed) > 8 else "")
        yield (
            f"The text does not mention {len(unnamed)} of its tools: {shown}. Mention them, or remove them from the "
            f"list.",
            "/tools",
            len(unnamed),
        )
