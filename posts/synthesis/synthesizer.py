"""Seed → record. A pure function: the same seed and version give the same bytes on every machine.

Every claim of a record (flags, reading time, paragraphs, tools) is true of its text, and `hash` is the start of its
fingerprint. Nothing here reads a clock, a locale, the environment or Python's own random numbers.
"""

import math
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote_plus

from posts.records.schema import RecordDict, fingerprint_of
from posts.synthesis.article import Article, Subject, Writer, choose_subject
from posts.synthesis.chance import Chance
from posts.synthesis.numbers import Row
from posts.synthesis.vocabulary import PHOTOS, POOLS, RECORD, Texts, capital, filled

# Raise it when any seed gives another record than before; part of each record's payload.
SYNTHESIZER_VERSION = 3
GENERATOR = "alphanode synthesizer"
MAX_SEED = 2**63 - 1

WORDS_A_MINUTE = 200
IMAGE_HEAVY_FROM = 5
HASH_DIGITS = 24

_STRUCTURE = re.compile(r"\s*(#{1,6} |[-*] |[0-9]+\. |\||>|!\[|\[checklist\]|$)").match
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_FIRST_DAY = date(2025, 1, 6)
_STATUSES = ("drafted", "drafted", "drafted", "in review", "reviewed")
_DIFFICULTIES = ("beginner", "intermediate", "intermediate", "advanced")
_PLATES = ("{before} → {after}", "{Metric}: {before} → {after}", "{before} before, {after} after")
_PLACEHOLDER_COLOURS = ("111827/ffffff", "1f3a5f/ffffff", "0f766e/ffffff", "7c2d12/ffffff", "f3f4f6/111827")


class _Quoted(dict[int, str]):
    """{code point: how an address has the character}, each worked out once."""

    def __missing__(self, point: int) -> str:
        self[point] = quote_plus(chr(point))
        return self[point]


_QUOTED = _Quoted()


def synthesize_record(seed: int) -> RecordDict:
    """Return the record of `seed` (0 to MAX_SEED) as a canonical dict in the schema's order.

    Every field is filled.
    """
    record = compose(seed)
    state_claims(record)
    seal(record)
    return record


def source_id_of(seed: int) -> str:
    return f"synth-{seed:06d}"


def compose(seed: int) -> RecordDict:
    """Return the record of `seed` before its claims are stated and its hash is set."""
    chance = Chance(seed)
    subject = choose_subject(seed, chance)
    article = Writer(subject, chance).article()
    stack, problem, slots = subject.stack, subject.problem, article.slots
    images = _images(article, subject, chance)
    _place(images, article, chance)
    source_id = source_id_of(seed)
    last_reviewed = _FIRST_DAY + timedelta(days=chance.below(640))
    return {
        "source_id": source_id,
        "reference": f"syn-ref-{seed:06d}-{chance.between(1000, 9999)}",
        "title": article.title,
        "slug": f"{_slug(article.title)}-{seed}",
        "intro": "\n\n".join(article.intro),
        "body": article.body,
        "topic": f"{problem.phrase} / {stack.name}",
        "summary": filled(chance.pick(RECORD["summaries"]), slots),
        "ai_outline": {
            "context": subject.scenario.tail,
            "problem": problem.phrase,
            "stack": stack.name,
            "recommended action": problem.action,
        },
        "ai_brief": filled(chance.pick(RECORD["briefs"]), slots),
        "stack": [stack.name, stack.area, stack.language],
        "tools": list(article.tools),
        "code_language": stack.language,
        "difficulty": chance.pick(_DIFFICULTIES),
        "reading_time": 0,
        "view_count": _views(chance),
        "score": {name: chance.between(58, 99) for name in ("quality", "freshness", "depth", "clarity")},
        "revision": {
            "status": chance.pick(_STATUSES),
            "version": f"{chance.between(1, 3)}.{chance.below(10)}.{chance.below(12)}",
            "last_reviewed": last_reviewed.isoformat(),
        },
        "hash": "",
        "flags": {
            "ai_generated_style": 1,
            "has_images": 0,
            "image_heavy": 0,
            "needs_human_review": int(chance.one_in(16)),
        },
        "checklist": _checklist(subject, chance),
        "entities": [
            {"name": stack.name, "type": "stack"},
            {"name": stack.area, "type": "area"},
            {"name": problem.phrase, "type": "problem"},
            {"name": article.part[0], "type": article.part[1]},
        ],
        "image_sources": images,
        "payload": {
            "source id": source_id,
            "generator": GENERATOR,
            "generator version": SYNTHESIZER_VERSION,
            "paragraphs": 0,
            "scenario": subject.scenario.tail,
            "seed": seed,
        },
        "notes": [filled(note, slots) for note in chance.some(RECORD["notes"], chance.between(2, 3))],
    }


def state_claims(record: RecordDict) -> None:
    """Write true claims about its text into `record`: reading time, paragraphs, image flags."""
    images = len(record.get("image_sources", ()))
    if "reading_time" in record:
        record["reading_time"] = reading_minutes(record)
    record["payload"]["paragraphs"] = paragraphs_in(record["body"])
    record["flags"]["has_images"] = int(images > 0)
    record["flags"]["image_heavy"] = int(images >= IMAGE_HEAVY_FROM)


def seal(record: RecordDict) -> None:
    """Set `hash` to the first digits of the fingerprint, so that anybody can check the text against it."""
    record["hash"] = fingerprint_of(record)[:HASH_DIGITS]


def reading_minutes(record: RecordDict) -> int:
    """Return the reading time of intro and body with code, at WORDS_A_MINUTE, rounded half up, at least 1."""
    words = len(record.get("intro", "").split()) + len(record["body"].split())
    return max(1, math.floor(words / WORDS_A_MINUTE + 0.5))


def paragraphs_in(body: str) -> int:
    """Return the number of prose blocks of a body: no heading, list, table, quote, code, image, checklist."""
    # Every second piece between fences is code.
    prose = "".join(body.split("\n```")[::2])
    return sum(not _STRUCTURE(block) for block in prose.split("\n\n"))


def _slug(title: str) -> str:
    return _NOT_SLUG.sub("-", title.lower())[:90].strip("-")


def _views(chance: Chance) -> int:
    """Return a view count; most posts are read rarely and a few often."""
    return chance.below(10 ** chance.between(2, 5))


def _checklist(subject: Subject, chance: Chance) -> list[str]:
    """Return 3–7 items in the order of the work; the last is about this stack alone."""
    items = subject.problem.checklist
    chosen = sorted(chance.some(range(len(items)), chance.between(2, 6)))
    return [*(items[index] for index in chosen), chance.pick(subject.stack.checks)]


def _images(article: Article, subject: Subject, chance: Chance) -> list[RecordDict]:
    """Return 3–8 different images from the four providers: photographs first, then others in random order."""
    count = chance.between(3, 8)
    captions = chance.some(RECORD["photo_captions"], 3)
    photos = chance.some(PHOTOS, chance.between(1, min(3, count - 1)))
    images = [_photo(photo, caption, article) for photo, caption in zip(photos, captions, strict=False)]
    others: list[tuple[Callable[[Any, Article, Chance], RecordDict], Any]] = [
        (_figure_placeholder, figure) for figure in article.figures
    ]
    others += [(_rule_placeholder, subject.problem.action)]
    others += [(_flickr, pool) for pool in chance.some(POOLS, 3)]
    return images + [draw(what, article, chance) for draw, what in chance.some(others, count - len(images))]


def _photo(photo: Texts, caption: str, article: Article) -> RecordDict:
    number, seen = photo
    return {
        "source": "unsplash",
        "url": f"https://images.unsplash.com/photo-{number}?auto=format&fit=crop&w=1200&q=80",
        "caption": _with_seen(caption, article, seen),
        "alt": capital(seen),
        "licence": "Unsplash Licence",
    }


def _with_seen(caption: str, article: Article, seen: str) -> str:
    """Return a caption about what a photograph shows."""
    article.slots |= {"seen": seen, "Seen": capital(seen)}
    return filled(caption, article.slots)


def _flickr(pool: Texts, article: Article, chance: Chance) -> RecordDict:
    words, seen = pool
    caption = chance.pick(RECORD["flickr_captions"])
    return {
        "source": "loremflickr.com",
        "url": f"https://loremflickr.com/1200/630/{words}?lock={chance.between(1, 99999)}",
        "caption": _with_seen(caption, article, seen),
        "alt": f"A photograph from the subject “{words.replace(',', ', ')}”",
        "licence": "Creative Commons, as the source says",
    }


def _figure_placeholder(figure: Row, article: Article, chance: Chance) -> RecordDict:
    name, before, after, _ = figure
    own = {"metric": name, "Metric": capital(name), "before": before, "after": after}
    words = chance.pick(_PLATES).format_map(own)
    return _placeholder(words, filled(chance.pick(RECORD["placeholder_captions"]), own), chance)


def _rule_placeholder(action: str, article: Article, chance: Chance) -> RecordDict:
    return _placeholder(capital(action), filled(chance.pick(RECORD["rule_captions"]), article.slots), chance)


def _placeholder(words: str, caption: str, chance: Chance) -> RecordDict:
    if chance.one_in(2):
        source = "dummyimage.com"
        url = f"https://dummyimage.com/1200x630/{chance.pick(_PLACEHOLDER_COLOURS)}.png&text={words.translate(_QUOTED)}"
    else:
        source = "placehold.co"
        url = f"https://placehold.co/1200x630/png?text={words.translate(_QUOTED)}"
    return {
        "source": source,
        "url": url,
        "caption": caption,
        "alt": f"A plate that says: {words}",
        "licence": "A plate with text, free of rights",
        "width": 1200,
        "height": 630,
    }


def _place(images: list[RecordDict], article: Article, chance: Chance) -> None:
    """Put the images into the text: some after the intro, the others at the ends of sections, in order."""
    first = chance.between(1, 2)
    article.intro += [f"![](image:{number})" for number in range(1, first + 1)]
    ends = sorted(chance.below(len(article.sections)) for _ in range(first, len(images)))
    for number, end in enumerate(ends, first + 1):
        article.sections[end].append(f"![](image:{number})")
