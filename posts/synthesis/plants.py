"""Planted defects and edge cases, for measuring the review queue and testing pages.

No record says what was planted. planted(seed, plan) is a pure function, so that a measurement can ask for it again.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from posts.records.schema import RecordDict
from posts.synthesis.chance import Chance
from posts.synthesis.leftovers import plant_draft, plant_residue, plant_title
from posts.synthesis.numbers import MONTHS, WEEKDAYS
from posts.synthesis.synthesizer import compose, reading_minutes, seal, source_id_of, state_claims, synthesize_record
from posts.synthesis.vocabulary import NOUNS, STACKS

DEFAULT_SHARE = 0.05
NEAR_DUPLICATE_REACH = 40  # a twin's original is at most so many seeds before it
NEAR_DUPLICATE_SIMILARITIES = (0.95, 0.9, 0.8)
SHINGLE_WORDS = 5
FOREIGN_HOSTS = ("images.example.net", "cdn.pictures.example", "203.0.113.7", "images.unsplash.com.example.org")


# {kind: the share of posts into which it is planted}
Plan = Mapping[str, float]


class PlanRefused(ValueError):
    """A plan names an unknown kind or impossible shares; the message says what to write."""


@dataclass(frozen=True)
class Plant:
    """One planted case. kind: a key of KINDS. detail: what exactly; a twin also has `original` and `similarity`."""

    source_id: str
    kind: str
    detail: str
    original: str = ""
    similarity: float | None = None


def parse_plan(wishes: Iterable[str]) -> dict[str, float]:
    """Return {kind: share} from texts such as "code" and "twin=0.1". Raises PlanRefused."""
    plan: dict[str, float] = {}
    for wish in wishes:
        kind, _, share = wish.partition("=")
        if kind not in KINDS:
            raise PlanRefused(f"“{kind}” can't be planted. Choose from: {', '.join(KINDS)}.")
        try:
            plan[kind] = float(share) if share else DEFAULT_SHARE
        except ValueError:
            plan[kind] = -1
        if not 0 < plan[kind] <= 1:
            raise PlanRefused(f"“{wish}”: a share must be above 0 and at most 1, for example {kind}=0.1.")
    if sum(plan.values()) > 1 + 1e-9:
        raise PlanRefused("The shares add up to more than 1. A post can have at most one planted case.")
    return plan


def kind_planted(seed: int, plan: Plan) -> str | None:
    """Return the kind that `plan` plants into the post of `seed`, or None for an ordinary post."""
    draw, reached = Chance(seed, "plan").below(10**6) / 10**6, 0.0
    for kind, share in plan.items():
        reached += share
        if draw < reached:
            return None if kind == "twin" and _original_of(seed, plan) is None else kind
    return None


def synthesize_planted(seed: int, plan: Plan) -> tuple[RecordDict, Plant | None]:
    """Return (record, Plant or None) of `seed` under `plan`, a dict {kind: share} from parse_plan()."""
    kind = kind_planted(seed, plan)
    if kind is None:
        return synthesize_record(seed), None
    chance = Chance(seed, kind)
    original = _original_of(seed, plan) if kind == "twin" else None
    if original is not None:
        similarity = chance.pick(NEAR_DUPLICATE_SIMILARITIES)
        record = _twin(compose(seed), compose(original), similarity, chance)
        plant = Plant(source_id_of(seed), kind, f"{similarity} alike", source_id_of(original), similarity)
    else:
        record = compose(seed)
        if kind == "claims":
            state_claims(record)
        plant = Plant(source_id_of(seed), kind, _PLANTED[kind](record, chance))
    if kind != "claims":
        state_claims(record)
    seal(record)
    return record, plant


def planted(seed: int, plan: Plan) -> Plant | None:
    """Return the Plant in the post of `seed` under `plan`, or None."""
    return synthesize_planted(seed, plan)[1]


def similarity_of(one: RecordDict, other: RecordDict) -> float:
    """Return the Jaccard index of the five-word shingles of two records' intros and bodies, 0 to 1."""
    mine, theirs = (_shingles(f"{record['intro']} {record['body']}") for record in (one, other))
    return len(mine & theirs) / len(mine | theirs)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return {tuple(words[start : start + SHINGLE_WORDS]) for start in range(len(words) - SHINGLE_WORDS + 1)}


# The defects: what a reviewer should find.


def _broken_code(record: RecordDict, chance: Chance) -> str:
    """Plant code that does not parse: Python and YAML in place, else another block in JSON or TOML."""
    body = record["body"]
    if "```python\n" in body:
        block = body.index("```python\n")
        end = body.index("\n```", block)
        # Without its colon a definition is invalid; every Python example has a definition, or a call with brackets.
        code, count = re.subn(r"^((?:def|class) .*):$", r"\1", body[block:end], count=1, flags=re.MULTILINE)
        if not count:
            code = code.rstrip().removesuffix(")")
        record["body"] = body[:block] + code + body[end:]
        return "python"
    if "```yaml\n" in body:
        end = body.index("\n```", body.index("```yaml\n"))
        record["body"] = body[:end] + "\nlimits: {attempts: 3, seconds: [2, 5" + body[end:]
        return "yaml"
    if "```json\n" in body:
        end = body.index("\n```", body.index("```json\n"))
        record["body"] = body[:end].removesuffix("}") + body[end:]
        return "json"
    if chance.one_in(2):
        block, language = '{\n  "attempts": 3,\n  "seconds": [0.2, 2.0,\n}', "json"
    else:
        block, language = '[limits]\nattempts = 3\nseconds = [0.2, 2.0\nowner = "payments', "toml"
    record["body"] = f"{body}\n\n## Settings\n\nThe limits stand in one file:\n\n```{language}\n{block}\n```"
    return language


def _contradicted_claims(record: RecordDict, chance: Chance) -> str:
    """Plant one claim that the text contradicts. The other claims stay true."""
    flags = record["flags"]
    match chance.below(5):
        case 0:
            flags["has_images"] = 0
            return "has_images"
        case 1:
            flags["image_heavy"] = 1 - flags["image_heavy"]
            return "image_heavy"
        case 2:
            record["reading_time"] = reading_minutes(record) * chance.between(4, 9)
            return "reading_time"
        case 3:
            record["payload"]["paragraphs"] += chance.between(5, 30)
            return "paragraphs"
        case _:
            # Invented, so that no text can mention them.
            record["tools"] += chance.some(("Quillbase", "Tarnbus", "Oxbowctl", "Fennelstore"), 2)
            return "tools"


def _foreign_images(record: RecordDict, chance: Chance) -> str:
    """Plant one to three images on hosts outside the four providers."""
    count = chance.between(1, 3)
    for image in record["image_sources"][:count]:
        host = chance.pick(FOREIGN_HOSTS)
        image.update(source=host, url=f"https://{host}/pictures/{chance.below(10**6)}.jpg")
    return f"{count} image(s)"


# Names as models make them up, of no package in any list of REAL_PACKAGES.
_INVENTED = {
    "bash": ("pip install", ("retry-guardian-kit", "flask-quotaflow", "pyqueue-inspectra", "django-limitwise")),
    "shell": ("npm install", ("express-retrywise", "react-queue-lens", "next-limitguard", "vite-plugin-ratebook")),
    "console": ("cargo add", ("tokio-retrybook", "serde-limitwise", "axum-quotaflow", "sqlx-inspectra")),
}
# {registry: packages that exist}: what the planted texts install besides, and what synthesized ones name.
REAL_PACKAGES = {
    "pypi": ("requests", "httpx", "django", "psycopg", "pytest", "tenacity", "redis"),
    "npm": ("express", "react", "undici", "pg", "ioredis", "@playwright/test"),
    "crates": ("tokio", "serde", "reqwest", "sqlx"),
}


def _invented_packages(record: RecordDict, chance: Chance) -> str:
    """Plant the installation of a package that does not exist, beside one that does."""
    language = chance.pick(tuple(_INVENTED))
    command, names = _INVENTED[language]
    registry = {"bash": "pypi", "shell": "npm", "console": "crates"}[language]
    line = f"{command} {chance.pick(REAL_PACKAGES[registry])} {chance.pick(names)}"
    record["body"] = f"{record['body']}\n\n## Installation\n\nInstall both:\n\n```{language}\n{line}\n```"
    return registry


_OPENERS = (
    "As before, ", "In practice, ", "To be exact, ", "Since then, ", "On most days, ", "In other words, ",
    "As far as we can tell, ", "Seen from a year later, ", "For what it is worth, ", "With all due care, ",
)  # fmt: skip
# Names, which an opener must not put in lower case.
_NAMED = {word for stack in STACKS for name in (stack.name, stack.short, *stack.tools) for word in name.split()}
_NAMES = "|".join(map(re.escape, sorted(_NAMED | {*WEEKDAYS, *MONTHS})))
# Between two sentences of prose, before a word that an opener may put in lower case.
_BEFORE_SENTENCE = re.compile(rf"(?:(?<=[.:?] )|(?<=\n\n))(?!(?:{_NAMES})\b)(?=[A-Z][a-z]+ )")


def _original_of(seed: int, plan: Plan) -> int | None:
    """Return the nearest of the NEAR_DUPLICATE_REACH seeds before this one that holds nothing planted, or None."""
    share = sum(plan.values())
    for earlier in range(seed - 1, max(seed - 1 - NEAR_DUPLICATE_REACH, -1), -1):
        if Chance(earlier, "plan").below(10**6) / 10**6 >= share:
            return earlier
    return None


def _twin(record: RecordDict, original: RecordDict, similarity: float, chance: Chance) -> RecordDict:
    """Plant the words of `original` under the identity of `record`, changed until they are `similarity` alike.

    A phrase is put before sentences, one after the other in random order, until the similarity is reached.
    """
    own = {key: record[key] for key in ("source_id", "reference", "slug", "view_count", "score", "revision")}
    twin = {**original, **own}
    twin["payload"] = {**original["payload"], "source id": record["source_id"], "seed": record["payload"]["seed"]}
    twin["title"] = f"{original['title']}, revisited"
    pieces: list[str] = []
    places: list[int] = []
    for number, part in enumerate(re.split(r"(```.*?```)", original["body"], flags=re.DOTALL)):
        first, *sentences = [part] if number % 2 else _BEFORE_SENTENCE.split(part)
        pieces.append(first)
        places += range(len(pieces), len(pieces) + len(sentences))
        pieces += sentences
    for number in chance.some(places, len(places)):
        sentence = pieces[number]
        pieces[number] = chance.pick(_OPENERS) + sentence[0].lower() + sentence[1:]
        twin["body"] = "".join(pieces)
        if similarity_of(twin, original) < similarity:
            break
    return twin


# The edge cases: what pages, lists and forms should survive.


def _no_images(record: RecordDict, chance: Chance) -> str:
    for key in ("intro", "body"):
        record[key] = re.sub(r"\n*!\[\]\(image:\d+\)", "", record[key])
    del record["image_sources"]
    return "no images"


def _many_images(record: RecordDict, chance: Chance) -> str:
    """Plant the largest number of images; those that the text does not place follow it."""
    images = record["image_sources"]
    for number in range(len(images) + 1, 51):
        words = f"Plate {number} of 50"
        images.append(
            {
                "source": "placehold.co",
                "url": f"https://placehold.co/1200x630/png?text={words.replace(' ', '+')}",
                "caption": f"{words}: {NOUNS[number % len(NOUNS)]}s, counted.",
                "alt": f"A plate that says: {words}",
                "licence": "A plate with text, free of rights",
                "width": 1200,
                "height": 630,
            }
        )
    return "50 images"


def _long_strings(record: RecordDict, chance: Chance) -> str:
    """Plant texts at the limits of the schema, and words that no line can break."""
    word = "incomprehensibilities"
    record["title"] = (record["title"] + ", " + " ".join([word] * 20))[:300].rstrip()
    record["summary"] = record["summary"] + " " + word * 400
    record["checklist"][0] = (record["checklist"][0] + " " + word * 100)[:2000]
    record["image_sources"][0]["caption"] = word * 40
    record["tools"].append("tool" * 400)
    record["body"] = f"{record['body']}\n\nA last word about {' / '.join(record['tools'])}: {word * 300}"
    return "long strings"


_TITLES = (
    "إعادة المحاولة دون ضرر: ملاحظات من العمل",
    "הגבלת זמן שמצטברת נכון, צעד אחר צעד",
    "再試行を安全にする：実測と手順",
    "Безопасные повторы: что мы измерили",
    "नियंत्रित पुनः प्रयास और माप",
    "🧪 Ein Rückweg für größere Änderungen: naïve Fälle, 37 °C, ﬁ und Å",
    "ทำให้การลองใหม่ไม่เป็นอันตราย",
)


def _other_scripts(record: RecordDict, chance: Chance) -> str:
    """Plant a title in another script or direction, with the same words in the intro and a caption."""
    title = record["title"] = chance.pick(_TITLES)
    record["intro"] = f"{title}\n\n{record['intro']}"
    record["image_sources"][0]["caption"] = title
    record["checklist"].append(title)
    return title


def _sparse(record: RecordDict, chance: Chance) -> str:
    """Leave out every optional field."""
    for key in set(record) - {"source_id", "title", "body", "intro", "slug", "payload", "flags", "hash"}:
        del record[key]
    record["intro"] = re.sub(r"\n*!\[\]\(image:\d+\)", "", record["intro"])
    record["body"] = re.sub(r"\n*(?:## [^\n]+\n\n)?\[checklist\]|\n*!\[\]\(image:\d+\)", "", record["body"]).lstrip()
    return "only what is needed"


def _unknown_keys(record: RecordDict, chance: Chance) -> str:
    record["x_pipeline"] = {
        "run": chance.below(10**6),
        "stages": ["draft", "polish"],
        "temperature": 0.4,
        "cached": None,
    }
    record["score"]["novelty"] = chance.below(100)
    record["image_sources"][0]["photographer"] = "unknown"
    record["entities"][0]["wikidata"] = f"Q{chance.below(10**6)}"
    return "unknown keys"


def _skipped_headings(record: RecordDict, chance: Chance) -> str:
    """Plant headings that jump from the second to the fifth level and begin with the first."""
    lines, levels = [], iter("# |##### |## |#### |###### ".split("|"))
    for block in record["body"].split("\n\n"):
        if block.startswith("## "):
            block = next(levels, "##### ") + block[3:]
        lines.append(block)
    record["body"] = "\n\n".join(lines)
    return "skipped levels"


def _dead_placements(record: RecordDict, chance: Chance) -> str:
    """Plant placements of images that do not exist or are placed twice, and a second checklist."""
    record["body"] += "\n\n![](image:99)\n\n![](image:1)\n\n![](image:0)\n\n[checklist]"
    return "dead placements"


# kind: the function that plants it, given the record before its hash is set and a Chance; it returns the detail.
_PLANTED: dict[str, Callable[[RecordDict, Chance], str]] = {
    "code": _broken_code,
    "claims": _contradicted_claims,
    "foreign-images": _foreign_images,
    "no-images": _no_images,
    "many-images": _many_images,
    "long": _long_strings,
    "scripts": _other_scripts,
    "sparse": _sparse,
    "unknown-keys": _unknown_keys,
    "headings": _skipped_headings,
    "placements": _dead_placements,
    "packages": _invented_packages,
    "residue": plant_residue,
    "draft": plant_draft,
    "title": plant_title,
}
# The check that finds a defect, by its kind; for the others the detail is the name of the check or the end of it.
_FOUND_BY = {
    "code": "code-syntax",
    "foreign-images": "image-host",
    "packages": "package-names",
    "headings": "heading-skip",
    "placements": "dead-placement",
}
DEFECTS = (*_FOUND_BY, "claims", "residue", "draft", "title")


def found_by(plant: Plant) -> str:
    """Return the id of the check that should find a planted defect of one of DEFECTS."""
    if plant.kind == "claims":
        return f"claim-{plant.detail.replace('_', '-')}"
    return _FOUND_BY.get(plant.kind, plant.detail)


# A twin is made from another record, not planted into one.
KINDS = (*list(_PLANTED)[:2], "twin", *list(_PLANTED)[2:])
