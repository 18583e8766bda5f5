"""The meta box of a record: every field in order, arrays and objects as nested lists."""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import Any, NamedTuple

from markupsafe import Markup

from posts.public.term_links import AddressOf
from posts.records.schema import FIELDS, RecordDict
from posts.rendering.escaping import escaped
from posts.rendering.icons import level_squares, score_bar
from posts.templatetags.posts import grouped

FOLD_OVER = 20
DIGEST_LENGTH = 90
# The longest text whose HTML is cached. Longer ones rarely repeat, and a record may have one of a megabyte.
MAX_KNOWN = 60
_EMPTY: tuple[Any, ...] = ("", [], {})
_WORDS = {"ai": "AI", "url": "URL", "id": "ID"}
# A field is in the band that names it; bands only separate neighbours.
BANDS = (
    ("Subject", "", ("topic", "summary", "ai_outline", "ai_brief")),
    ("Built with", "", ("stack", "tools", "code_language")),
    ("Audience", "", ("difficulty", "reading_time", "view_count")),
    ("Score", "0 to 100, as the record states them", ("score",)),
    ("Record", "as it was imported", ("revision", "reference", "hash", "flags")),
    ("Checks", "for the reviewer", ("checklist",)),
)
FOLDS = ("entities", "image_sources", "payload", "notes")
# Fields whose values other posts share.
LINKED = frozenset(
    {"topic", "stack", "tools", "code_language", "difficulty", "entities", "tags", "language", "authors"}
)
AFTER_FOLDS = ("published_on", "authors", "tags", "language")
_FOLDED = frozenset({*FOLDS, *AFTER_FOLDS, "extra"})
# The page shows these elsewhere, whole.
_ELSEWHERE = {"source_id", "title", "slug", "intro", "body"}


def _remembered(size: int) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Decorate a function of one text with a cache of its results for the last `size` short texts."""

    def decorate(function: Callable[[str], str]) -> Callable[[str], str]:
        known = lru_cache(maxsize=size)(function)

        @wraps(function)
        def remembered(text: str) -> str:
            return known(text) if len(text) <= MAX_KNOWN else function(text)

        return remembered

    return decorate


class MetaRow(NamedTuple):
    """One field: its key, label and value, which is any JSON.

    `digest` says in a line what a closed fold contains. address_of(name) returns the address of the list of the posts
    that share a text of the value, or "".
    """

    key: str
    label: str
    value: Any
    digest: str = ""
    address_of: Callable[[str], str] | None = None

    @property
    def is_nested(self) -> bool:
        return isinstance(self.value, dict | list)

    @property
    def text(self) -> str:
        """The value in words, if it is not a list or object."""
        return "" if self.is_nested else _text(self.value)

    @property
    def size(self) -> int:
        return sum(1 for item in self.value if item not in _EMPTY)

    @property
    def html(self) -> Markup:
        return Markup(_html(self.value, self.address_of))  # noqa: S704 (every leaf goes through escaped)

    @property
    def open_html(self) -> Markup:
        """The same; long values that would start closed are open."""
        return Markup(_html(self.value, self.address_of, folds=False))  # noqa: S704 (as above)

    @property
    def row_html(self) -> Markup:
        """The same as a row of a band, with a drawing or unit for a score, level, time or count."""
        match self.key:
            case "score":
                inside: str = f'<ul class="scores">{"".join(map(_score, self._parts))}</ul>'
            case "flags":
                inside = f'<ul class="flags">{"".join(map(_flag, self._parts))}</ul>'
            case "difficulty":
                inside = f"{self.html} {level_squares(self.text)}"
            case "reading_time":
                inside = f"{escaped(self.text)} <small>min</small>"
            case "view_count":
                inside = escaped(grouped(self.text))
            case _:
                inside = str(self.html)
        return Markup(  # noqa: S704 (as above; a key is one of FIELDS)
            f'<div class="meta-row meta-row--{self.key}"><dt>{escaped(self.label)}</dt>'
            f'<dd dir="auto">{inside}</dd></div>'
        )

    @property
    def _parts(self) -> "list[MetaRow]":
        """The fields of an object as MetaRows of their own."""
        return [MetaRow(key, label_of(key), value) for key, value in self.value.items() if value not in _EMPTY]


class MetaBand(NamedTuple):
    """Neighbouring fields under one heading."""

    name: str
    note: str
    rows: list[MetaRow]


def _score(part: MetaRow) -> str:
    if part.is_nested:
        value = str(part.html)
    else:
        value = f'<span class="scores__value">{escaped(part.text)}</span> {score_bar(part.text)}'
    return f'<li><span class="scores__label">{escaped(part.label)}</span> {value}</li>'


def _flag(part: MetaRow) -> str:
    is_yes = " flags__item--yes" if part.text.startswith("yes") else ""
    return f'<li class="flags__item{is_yes}"><span class="flags__label">{escaped(part.label)}</span> {part.html}</li>'


@_remembered(1024)
def label_of(key: str) -> str:
    """Return the label of a key: ai_outline → AI outline."""
    words = [_WORDS.get(word, word) for word in key.replace("_", " ").split(" ")]
    return " ".join(words)


def _html(value: Any, address_of: Callable[[str], str] | None = None, *, folds: bool = True) -> str:
    """Return any JSON value as HTML: nested lists, every leaf as escaped text, without empty values.

    A page has two hundred of these, most of them cached, so they have no template. Everything from the record goes
    through escaped(). address_of: as for MetaRow; of an object only the name has a list. folds: whether more than
    FOLD_OVER items start closed.
    """
    if isinstance(value, list):
        items = [f"<li>{_html(item, address_of)}</li>" for item in value if item not in _EMPTY]
        html = f'<ul class="meta-list">{"".join(items)}</ul>'
    elif isinstance(value, dict):
        items = [
            f"{_pair_label(key)}<div>{_html(item, address_of if key == 'name' else None)}</div></li>"
            for key, item in value.items()
            if item not in _EMPTY
        ]
        html = f'<ul class="meta-pairs">{"".join(items)}</ul>'
    else:
        text = value if type(value) is str else _text(value)
        if address := address_of(text) if address_of else "":
            return f'<a class="meta-text" href="{escaped(address)}" dir="auto">{escaped(text)}</a>'
        return _leaf(text)
    if folds and len(items) > FOLD_OVER:
        return f'<details class="more"><summary>{len(items)} items</summary>{html}</details>'
    return html


@_remembered(4096)
def _leaf(text: str) -> str:
    kind = " meta-text--address" if text.startswith(("https://", "http://")) else ""
    return f'<span class="meta-text{kind}" dir="auto">{escaped(text)}</span>'


@_remembered(1024)
def _pair_label(key: str) -> str:
    return f'<li class="meta-pair"><span class="meta-pair__label">{escaped(label_of(key))}</span> '


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _flags(flags: dict[str, Any]) -> dict[str, Any]:
    words = {0: "no", 1: "yes"}
    return {key: words.get(value, value) if isinstance(value, int) else value for key, value in flags.items()}


def _digest(key: str, value: Any) -> str:
    """Return a line that says what a closed fold contains, so that few readers need to open it."""
    if key == "image_sources":
        counts = Counter(image.get("source", "source not stated") for image in value)
        return ", ".join(f"{source} {count}" for source, count in counts.items())
    if key == "entities":
        return ", ".join(dict.fromkeys(entity.get("type") or entity["name"] for entity in value))
    if isinstance(value, dict):
        return ", ".join(label_of(name) for name, item in value.items() if item not in _EMPTY)
    if isinstance(value, list):
        return "; ".join(value[:3])
    return ""


def shortened(words: str) -> str:
    """Return at most DIGEST_LENGTH characters, cut between words if possible."""
    if len(words) <= DIGEST_LENGTH:
        return words
    cut = words[: DIGEST_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",; ") + "…"


def meta_rows(record: RecordDict, address_of: AddressOf | None = None) -> dict[str, MetaRow]:
    """Return {key: MetaRow} of a record dict: its known fields, then the unknown ones under "extra".

    address_of(field, name) returns the address of the list of the posts that share the name, or "".
    """
    rows = {}
    for key in FIELDS:
        if key in record and key not in _ELSEWHERE:
            value = _flags(record[key]) if key == "flags" else record[key]
            address = partial(address_of, key) if address_of and key in LINKED else None
            rows[key] = MetaRow(key, label_of(key), value, _shown_digest(key, value), address)
    if extra := {key: value for key, value in record.items() if key not in FIELDS}:
        rows["extra"] = MetaRow("extra", "extra", extra, _shown_digest("extra", extra))
    return rows


def _shown_digest(key: str, value: Any) -> str:
    return shortened(_digest(key, value)) if key in _FOLDED else ""


def meta_box(record: RecordDict, address_of: AddressOf | None = None) -> tuple[list[MetaBand], list[MetaRow]]:
    """Return (bands, folds): the whole box in the order of the record, without empty values.

    address_of: as for meta_rows().
    """
    rows = meta_rows(record, address_of)
    bands = [MetaBand(name, note, [rows[key] for key in keys if key in rows]) for name, note, keys in BANDS]
    folds = [rows[key] for key in (*FOLDS, *AFTER_FOLDS, "extra") if key in rows]
    return [band for band in bands if band.rows], folds
