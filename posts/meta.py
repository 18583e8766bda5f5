"""What the meta box shows of a record: every field in its order, arrays and objects as nested lists."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from posts.records import FIELDS

FOLD_OVER = 20
DIGEST_LENGTH = 90
_WORDS = {"ai": "AI", "url": "URL", "id": "ID"}
# A field of the record stands in the band that names it; bands only draw lines between neighbours.
BANDS = (
    ("Subject", "", ("topic", "summary", "ai_outline", "ai_brief")),
    ("Built with", "", ("stack", "tools", "code_language")),
    ("For whom", "", ("difficulty", "reading_time", "view_count")),
    ("Score", "0 to 100, the generator's own marks", ("score",)),
    ("Record", "as it was imported", ("revision", "reference", "hash", "flags")),
    ("Checks", "for the reviewer", ("checklist",)),
)
FOLDS = ("entities", "image_sources", "payload", "notes")
# Fields whose values other posts share.
LINKED = frozenset({"topic", "stack", "tools", "code_language", "difficulty", "entities", "tags", "language"})
AFTER_FOLDS = ("published_on", "authors", "tags", "language")
# The page shows these elsewhere, whole.
_ELSEWHERE = {"source_id", "title", "slug", "intro", "body"}


@dataclass(frozen=True)
class MetaValue:
    """A value to show: `kind` is "text" (text), "list" (items) or "pairs" (items: label and MetaValue). A text that
    other posts share has the address of their list."""

    kind: str
    text: str = ""
    items: tuple = ()
    address: str = ""

    @property
    def count(self):
        return len(self.items)

    @property
    def is_long(self):
        return len(self.items) > FOLD_OVER


@dataclass(frozen=True)
class MetaRow:
    """One field: its key, its label and its value. `digest` says in a line what a closed fold holds."""

    key: str
    label: str
    value: MetaValue
    digest: str = ""


@dataclass(frozen=True)
class MetaBand:
    """Neighbouring fields under one name."""

    name: str
    note: str
    rows: list


def label_of(key):
    """The words of a key: ai_outline → AI outline."""
    words = [_WORDS.get(word, word) for word in key.replace("_", " ").split(" ")]
    return " ".join(words)


def meta_value(value):
    """Any JSON value as a MetaValue; every leaf is text, what is empty leaves nothing."""
    if isinstance(value, dict):
        pairs = ((label_of(key), meta_value(item)) for key, item in value.items() if not _is_empty(item))
        return MetaValue("pairs", items=tuple(pairs))
    if isinstance(value, list):
        return MetaValue("list", items=tuple(meta_value(item) for item in value if not _is_empty(item)))
    if isinstance(value, bool):
        return MetaValue("text", text="true" if value else "false")
    return MetaValue("text", text="null" if value is None else str(value))


def _is_empty(value):
    return value == "" or value == [] or value == {}


def _flags(flags):
    words = {0: "no", 1: "yes"}
    return {key: words.get(value, value) if isinstance(value, int) else value for key, value in flags.items()}


def _digest(key, value):
    """A line that says what a closed fold holds, so that few need to open it."""
    if key == "image_sources":
        counts = Counter(image.get("source", "source not stated") for image in value)
        return ", ".join(f"{source} {count}" for source, count in counts.items())
    if key == "entities":
        return ", ".join(dict.fromkeys(entity.get("type") or entity["name"] for entity in value))
    if isinstance(value, dict):
        return ", ".join(label_of(name) for name, item in value.items() if not _is_empty(item))
    if isinstance(value, list):
        return "; ".join(value[:3])
    return ""


def shortened(words):
    """At most DIGEST_LENGTH characters, cut between words where there are any."""
    if len(words) <= DIGEST_LENGTH:
        return words
    cut = words[: DIGEST_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",; ") + "…"


def _linked(value, address_of):
    """A MetaValue whose texts have their lists' addresses: it is a text, a list of texts, or of things with a name."""
    if value.kind == "text":
        return replace(value, address=address_of(value.text))
    if value.kind == "list":
        return replace(value, items=tuple(_linked(item, address_of) for item in value.items))
    items = ((label, _linked(item, address_of) if label == "name" else item) for label, item in value.items)
    return replace(value, items=tuple(items))


def meta_rows(record, address_of=None):
    """{key: MetaRow} of a record dict: its known fields, then the unknown ones under "extra".

    address_of(field, name) → the address of the list of the posts that share the name, or "".
    """
    rows = {}
    for key in FIELDS:
        if key in record and key not in _ELSEWHERE:
            value = _flags(record[key]) if key == "flags" else record[key]
            shown = meta_value(value)
            if address_of and key in LINKED:
                shown = _linked(shown, partial(address_of, key))
            rows[key] = MetaRow(key, label_of(key), shown, shortened(_digest(key, value)))
    if extra := {key: value for key, value in record.items() if key not in FIELDS}:
        rows["extra"] = MetaRow("extra", "extra", meta_value(extra), shortened(_digest("extra", extra)))
    return rows


def meta_box(record, address_of=None):
    """(bands, folds): the whole box in the order of the record; what is empty leaves no row. address_of: as for
    meta_rows."""
    rows = meta_rows(record, address_of)
    bands = [MetaBand(name, note, [rows[key] for key in keys if key in rows]) for name, note, keys in BANDS]
    folds = [rows[key] for key in (*FOLDS, *AFTER_FOLDS, "extra") if key in rows]
    return [band for band in bands if band.rows], folds
