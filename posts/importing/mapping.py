"""Which foreign keys become which fields: an optional small YAML file with good defaults.

site: https://blog.example.org/     # what posts are told apart by, and what relative addresses lead to
permalink: /:year/:month/:title/    # where posts stood that don't say it themselves
dates: day-first                    # or month-first: what 02/03/2021 is
include: ["content/**"]
exclude: ["**/README.md"]
fields:
  headline: title
  my_level: difficulty
  seo.description: summary
  layout: drop
values:
  status: {in-progress: draft, done: public}    # what values of keys that say whether a text is public mean
"""

import contextlib
import re
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from django.utils import timezone
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from posts.importing import publication
from posts.importing.dates import UnreadableDate, read_date
from posts.importing.front_matter_yaml import FrontMatterRefused, read_yaml
from posts.importing.publication import MEANINGS, Hold, Rule, Words, plain_key
from posts.models.post_hold import HoldReason
from posts.records.schema import RecordDict
from posts.rendering.from_html.words import one_line

MAX_BYTES = 64 * 1024
# A person as a link to a page of theirs, and what stands between two of them.
_LINKED = re.compile(r"\[([^\[\]]{1,200})\]\([^()\s]{0,500}\)")
_LINK_TAG = re.compile(r"</?a(?:\s[^<>]{0,500})?>")
_NEXT_LINKED = re.compile(r"(?<=\))\s*(?:,|;|&|\band\b)\s*(?:and\b\s*)?")
_MAIL = re.compile(r"[<(\[]?(?:mailto:)?[^\s<>()\[\],;@]{1,64}@[^\s<>()\[\],;@]{1,200}\.\w{2,30}[>)\]]?")
# What a foreign key can become. The first four are kinds of fields of a record, by how a value is taken into them.
LINES = ("title", "reference", "topic", "code_language", "difficulty", "language")
TEXTS = ("intro", "summary", "ai_brief")
LISTS = ("stack", "tools", "tags", "authors", "checklist", "notes")
NUMBERS = ("reading_time", "view_count")
OTHERS = {
    "published_on": "the date; a future date holds the post",
    "slug": "the end of the address",
    "address": "former address; redirects",
    "aliases": "more addresses that redirect",
    "image": "an image of the article",
    "categories": "topic, the others tags",
    "series": "a tag, also kept under payload",
    "published": "a date, or “no”: held",
    "held": "says whether it is public, by the table of docs/importing.md; another key: yes is held",
    "status": "a word such as draft or private: held; kept under payload",
    "password": "held; the password is not stored",
    "id": "identity in place of the path",
    "payload": "kept unchanged",
    "drop": "left out",
}
# Of these the table of posts.importing.publication says what a value means.
PUBLICATION = ("held", "status", "published", "password")
TARGETS = (*LINES, *TEXTS, *LISTS, *NUMBERS, *OTHERS)
# The longest text that a record field holds; a longer one is kept under payload.
LINE_LENGTHS = {"title": 300, "reference": 200, "topic": 300, "code_language": 100, "difficulty": 100, "language": 100}
ITEM_LENGTH = 2000

SETTINGS = ("site", "permalink", "dates", "include", "exclude", "fields", "values")
DATE_ORDERS = ("day-first", "month-first")


class MappingRefused(ValueError):
    """The mapping file can't be used; the message says what to fix."""


def _default_for_nothing(value: object, info: ValidationInfo) -> object:
    """Return what a setting is without a value, where a file names the setting alone."""
    return value or Mapping.model_fields[str(info.field_name)].get_default(call_default_factory=True)


def _list_of_patterns(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _is_one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError
    return value


_Line = Annotated[str, Field(max_length=200), AfterValidator(_is_one_line)]
_Patterns = Annotated[tuple[str, ...], BeforeValidator(_list_of_patterns)]
if TYPE_CHECKING:
    # A type checker does not read the values of a tuple.
    _DateOrder = str
    _Target = str
    _Meaning = str
else:
    _DateOrder = Literal[("", *DATE_ORDERS)]
    _Target = Literal[TARGETS]
    _Meaning = Literal[MEANINGS]
# What the message about an invalid value of a setting says.
_TAKES = {
    "site": "one line of text",
    "permalink": "one line of text",
    "dates": " or ".join(DATE_ORDERS),
    "include": 'a list of patterns, such as ["content/**"]',
    "exclude": 'a list of patterns, such as ["content/**"]',
    "fields": "lines such as “headline: title”",
    "values": "lines such as “status: {in-progress: draft, done: public}”",
}


class Mapping(BaseModel):
    """How a foreign source is read. Equal mappings compare equal; an empty one is falsy."""

    model_config = ConfigDict(frozen=True, strict=True)

    site: _Line = ""
    permalink: _Line = ""
    dates: _DateOrder = ""
    include: _Patterns = ()
    exclude: _Patterns = ()
    fields: dict[str, _Target] = {}  # as requested: {key: target}
    values: dict[str, dict[str, _Meaning]] = {}  # for keys that say whether a text is public
    defaults: dict[str, str] = {}  # those of the format: {key: target}, first rank first

    _none_is_default = field_validator(*SETTINGS, mode="before")(_default_for_nothing)

    def __bool__(self) -> bool:
        return bool(self.to_dict())

    @classmethod
    def read(cls, text: str) -> "Mapping":
        """Return the Mapping of a mapping file (str). Raises MappingRefused."""
        if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
            raise MappingRefused(f"A mapping file can have at most {MAX_BYTES:,} bytes.")
        try:
            _, words = read_yaml(text.removeprefix("\ufeff"))
        except FrontMatterRefused as refusal:
            raise MappingRefused(str(refusal).replace("The front matter", "The mapping file")) from None
        return cls.from_dict({} if words is None else words)

    @classmethod
    def from_dict(cls, values: object) -> "Mapping":
        """Return the Mapping that to_dict() or a file gives. Raises MappingRefused."""
        if not isinstance(values, dict):
            raise MappingRefused("A mapping file is a list of settings, such as “site: https://example.org/”.")
        if unknown := [key for key in values if key not in SETTINGS]:
            raise MappingRefused(f"Unknown setting “{unknown[0]}”. The settings are {', '.join(SETTINGS)}.")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise MappingRefused(_refusal(error.errors(include_url=False)[0])) from None

    def to_dict(self) -> dict[str, Any]:
        """Return what was set, without defaults, as JSON."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name in SETTINGS if (value := getattr(self, name))}  # fmt: skip

    def with_site(self, site: str) -> "Mapping":
        """Return the same with the name or address of the site, if one is given. Raises MappingRefused."""
        return Mapping.from_dict(self.to_dict() | {"site": site.strip()}) if site.strip() else self

    def with_defaults(self, defaults: dict[str, str]) -> "Mapping":
        """Return the same with what a format makes of keys that the file does not name."""
        return self.model_copy(update={"defaults": defaults})

    def target(self, key: str) -> tuple[str, int]:
        """Return (target, rank) of a foreign key; of two keys for one field the lower rank is used."""
        if target := self.asked_target(key):
            return target, -1
        return self._plain_defaults.get(plain_key(key), ("payload", len(self.defaults)))

    def asked_target(self, key: str) -> str | None:
        """Return the target that the mapping file gives a foreign key, or None."""
        if key in self.fields:
            return self.fields[key]
        plain = plain_key(key)
        return next((target for name, target in self.fields.items() if plain_key(name) == plain), None)

    @cached_property
    def _plain_defaults(self) -> dict[str, tuple[str, int]]:
        ranked = enumerate(self.defaults.items())
        return {plain_key(key): (target, rank) for rank, (key, target) in ranked}

    @property
    def base(self) -> str:
        """The old site's address, for relative addresses; "" if the site is only a name."""
        return self.site if re.match(r"https?://", self.site) and urlsplit(self.site).netloc else ""

    @property
    def site_name(self) -> str:
        """The name of the old site: its host, if the site is an address."""
        return urlsplit(self.site).netloc + urlsplit(self.site).path.rstrip("/") if self.base else self.site

    def includes(self, path: str) -> bool:
        """Return whether a file of the source is read."""
        if self.include and not any(matches(path, glob) for glob in self.include):
            return False
        return not any(matches(path, glob) for glob in self.exclude)

    def lines(self) -> list[str]:
        """Return the mapping as lines for a person."""
        said = [f"{name}: {getattr(self, name)}" for name in ("site", "permalink", "dates") if getattr(self, name)]
        said += [f"{name}: {', '.join(getattr(self, name))}" for name in ("include", "exclude") if getattr(self, name)]
        for key, meanings in self.values.items():
            said += [f"{key}: {value} → {meaning}" for value, meaning in meanings.items()]
        keys: dict[str, list[str]] = {}
        for key, target in (
            self.fields | {key: t for key, t in self.defaults.items() if key not in self.fields}
        ).items():
            keys.setdefault(target, []).append(key)
        for target in TARGETS:
            if names := keys.get(target):
                note = f" ({OTHERS[target]})" if target in OTHERS else ""
                said.append(f"{target} ← {', '.join(names)}{note}")
        if self.defaults:
            said.append("payload ← every other key, with its type")
        return said


def matches(path: str, glob: str) -> bool:
    """Return whether a path matches a pattern, in which ** also matches any number of folders."""
    return fnmatchcase(path, glob) or (glob.startswith("**/") and fnmatchcase(path, glob[3:]))


def _refusal(error: ErrorDetails) -> str:
    """Return what pydantic's error about a mapping file means, and what may be written instead."""
    match error["loc"], error["type"]:
        case ("fields", key), "literal_error":
            return f"“{key}” can't be mapped to “{error['input']}”. It can be mapped to: {', '.join(TARGETS)}."
        case ("values", key, value), "literal_error":
            return f"“{key}: {value}” can't mean “{error['input']}”. It can mean: {', '.join(MEANINGS)}."
    name = str(error["loc"][0])
    return f"“{name}” must be {_TAKES[name]}."


class Fields:
    """The fields of one record, collected from foreign keys.

    Nothing is lost: what fits no field is kept under `payload` with its type, and `warnings` names what was changed.
    """

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.record: RecordDict = {}
        self.payload: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.problem: tuple[str, str] | None = None  # (key, message) of a value that must not be guessed
        self.identity = ""
        self.slug = ""
        self.address = ""  # the old address; may be a pattern
        self.aliases: list[str] = []
        self.images: list[dict[str, str]] = []
        self.holds: list[Hold] = []  # how the source says that it is not public

    def take_all(self, values: dict[str, Any], words: dict[str, Words]) -> None:
        """Add a whole head: {key: value} with types, and the same as words."""
        nested = {}
        for key in self.mapping.fields:
            if "." in key and key not in values and (found := _nested(values, words, key)):
                nested[key] = found
        pairs = nested | {key: (value, words[key]) for key, value in values.items()}
        for key in sorted(pairs, key=lambda key: self.mapping.target(key)[1]):
            self.take(key, *pairs[key])
        self.payload = {key: self.payload[key] for key in pairs if key in self.payload}
        self._take_holds_inside(values, words)
        for hold in publication.missing_holds(values, self.mapping.values):
            self.hold(hold)

    def hold(self, hold: Hold | None) -> None:
        """Add a reason to hold the text."""
        if hold and hold not in self.holds:
            self.holds.append(hold)

    def _take_holds_inside(self, values: dict[str, Any], words: dict[str, Words]) -> None:
        """Add holds from objects in which generators and themes nest keys: build.render, params.draft."""
        for name, inner in values.items():
            if not isinstance(inner, dict):
                continue
            for key, value in inner.items():
                own = f"{name}.{key}"
                rule = publication.rule_of(own)
                if rule is None and publication.is_wrapper(name):
                    rule = publication.rule_of(key)
                if rule and self.mapping.asked_target(own) in (None, *PUBLICATION):
                    self.hold(self._hold_of(own, value, words[name][key], rule))

    def _hold_of(self, key: str, value: Any, words: Words, rule: Rule | None = None) -> Hold | None:
        return publication.hold_of(key, value, words, rule=rule, values=self.mapping.values, dates=self.mapping.dates)

    def take(self, key: str, value: Any, words: Words) -> None:
        """Add one key. value: with its type."""
        target, _ = self.mapping.target(key)
        if target == "drop":
            return
        rule = publication.rule_of(key)
        if target in PUBLICATION or (rule and rule.holds_empty):
            # A missing value has a meaning as well.
            self.hold(self._hold_of(key, value, words, rule or _RULES[target]))
        kind = next((kind for kind, names in _KINDS.items() if target in names), target)
        if words is None or not getattr(self, f"_take_{kind}")(target, value, words, key):
            self.payload[key] = value

    # Each returns whether the value is completely in the record; otherwise it is also kept under payload.

    def _take_payload(self, target: str, value: Any, words: Words, key: str) -> bool:
        return False

    def _take_line(self, target: str, value: Any, words: Words, key: str) -> bool:
        text = _joined(words)
        if text is None or target in self.record:
            return False
        text = one_line(text)
        if len(text) > LINE_LENGTHS[target] and target != "title":
            return self._kept(f"a {target.replace('_', ' ')} of more than {LINE_LENGTHS[target]} characters")
        if text:
            self.record[target] = text
        return True

    def _take_text(self, target: str, value: Any, words: Words, key: str) -> bool:
        text = _joined(words)
        if text is None or target in self.record:
            return False
        if text.strip():
            self.record[target] = text
        return True

    def _take_list(self, target: str, value: Any, words: Words, key: str) -> bool:
        items, is_whole = self._items(words, splits=target in ("tags", "stack", "tools") and key.lower() != "tag")
        if target == "authors":
            names = list(dict.fromkeys(name for item in items for name in people_in(item)))
            is_whole = self._without_addresses(key, value, is_whole and names == items)
            items = names
        listed = self.record.setdefault(target, [])
        listed += [item for item in items if item not in listed]
        if not listed:
            del self.record[target]
        return is_whole

    def _take_number(self, target: str, value: Any, words: Words, key: str) -> bool:
        match = re.match(r"\s*(\d{1,9})(?:\.\d+)?(?!\d)", words) if isinstance(words, str) else None
        if match is None or target in self.record:
            return False
        self.record[target] = int(match[1])
        return type(value) is int or words.strip() == match[1]

    def _take_categories(self, target: str, value: Any, words: Words, key: str) -> bool:
        items, is_whole = self._items(words, splits=key.lower() != "category")
        if items and "topic" not in self.record and len(items[0]) <= LINE_LENGTHS["topic"]:
            self.record["topic"] = items.pop(0)
        if items:
            tags = self.record.setdefault("tags", [])
            tags += [item for item in items if item not in tags]
        return is_whole

    def _take_series(self, target: str, value: Any, words: Words, key: str) -> bool:
        self._take_list("tags", value, [words] if isinstance(words, str) else words, key)
        return False

    def _take_published_on(self, target: str, value: Any, words: Words, key: str) -> bool:
        if isinstance(words, dict):
            return self._take_day_of_object(words, key)
        if isinstance(words, list) and words:
            if len(words) == 1 and isinstance(words[0], str):
                return self._take_published_on(target, words[0], words[0], key) and False
            self.hold(Hold(HoldReason.UNKNOWN, f"{key}: {words}"[: publication.MAX_DETAIL]))
        if not isinstance(words, str) or not words.strip() or isinstance(value, bool):
            return False
        if "published_on" in self.record:
            self.hold(self._hold_of(key, value, words, _RULES["published_on"]) if publication.rule_of(key) else None)
            return False
        try:
            day, moment = read_date(words, order=self.mapping.dates)
        except UnreadableDate as refusal:
            self.problem = self.problem or (key, str(refusal))
            return False
        if day is None or moment is None:
            return self._kept("a date that a program was to find out")
        self.record["published_on"] = day
        if moment > timezone.now():
            self.hold(Hold(HoldReason.SCHEDULED, f"{key}: {words}"[: publication.MAX_DETAIL]))
        return words.strip() == day

    def _take_day_of_object(self, words: dict[str, Words], key: str) -> bool:
        """Add the day of MkDocs Material's date: {created: …, updated: …}."""
        found = {plain_key(name): text for name, text in words.items()}
        for name in ("created", "published", "publish", "date"):
            if isinstance(found.get(name), str):
                self._take_published_on("published_on", found[name], found[name], f"{key}.{name}")
                return False
        self.hold(Hold(HoldReason.UNKNOWN, f"{key}: {words}"[: publication.MAX_DETAIL]))
        return False

    def _take_published(self, target: str, value: Any, words: Words, key: str) -> bool:
        with contextlib.suppress(UnreadableDate):
            if isinstance(words, str) and read_date(words, order=self.mapping.dates)[0]:
                return self._take_published_on(target, value, words, key)
        return False

    def _take_held(self, target: str, value: Any, words: Words, key: str) -> bool:
        return False

    _take_status = _take_held

    def _take_password(self, target: str, value: Any, words: Words, key: str) -> bool:
        if words:
            self.warnings.append("a password was not stored; the post is held")
        return True

    def _take_id(self, target: str, value: Any, words: Words, key: str) -> bool:
        if isinstance(words, str) and words.strip():
            self.identity = self.identity or words.strip()
        return False

    def _take_slug(self, target: str, value: Any, words: Words, key: str) -> bool:
        if isinstance(words, str):
            self.slug = self.slug or words
            if words.startswith("/"):
                # Docusaurus: the whole address below the root.
                self._take_address(target, value, words, key)
        return False

    def _take_address(self, target: str, value: Any, words: Words, key: str) -> bool:
        if isinstance(words, dict) and "build" in words:
            # Eleventy, where a page is made in several ways.
            self._take_address(target, value["build"], words["build"], f"{key}.build")
        elif words == "false":
            # Eleventy writes no page in this case.
            self.hold(Hold(HoldReason.NOT_RENDERED, f"{key}: false"))
        elif isinstance(words, str):
            if self.address:
                self.aliases.append(words)
            self.address = self.address or words
        return False

    def _take_aliases(self, target: str, value: Any, words: Words, key: str) -> bool:
        self.aliases += self._items(words)[0]
        return False

    def _take_image(self, target: str, value: Any, words: Words, key: str) -> bool:
        for item in words if isinstance(words, list) else [words]:
            if isinstance(item, str):
                item = {"url": item}
            if isinstance(item, dict):
                url = next(
                    (item[name] for name in ("url", "src", "image", "path") if isinstance(item.get(name), str)), ""
                )
                rest = {name: item[name] for name in ("alt", "caption") if isinstance(item.get(name), str)}
                if url:
                    self.images.append({"url": url, **rest})
        return False

    def _kept(self, what: str) -> bool:
        self.warnings.append(f"{what} was kept under payload")
        return False

    def _items(self, words: Words, *, splits: bool = False) -> tuple[list[str], bool]:
        """Return (the texts of a list, whether that is all of it)."""
        if isinstance(words, str):
            separator = "," if "," in words else None if self.splits_at_spaces else "\n"
            words = words.split(separator) if splits else [words]
        if isinstance(words, dict):
            words = [words]
        items, is_whole = [], isinstance(words, list)
        for item in words if is_whole else []:
            if isinstance(item, dict):
                is_whole = is_whole and set(item) <= {"name"}
                item = next(
                    (item[name] for name in ("name", "title", "label") if isinstance(item.get(name), str)), None
                )
            if isinstance(item, str) and item.strip() and len(item) <= ITEM_LENGTH:
                items.append(" ".join(item.split()))
            elif item is not None and item != "":
                is_whole = False
        return list(dict.fromkeys(items)), is_whole

    splits_at_spaces = False

    def _without_addresses(self, key: str, value: Any, is_whole: bool) -> bool:
        """Keep what else is said of authors, without their mail addresses, which are private."""
        if is_whole:
            return True
        people = value if isinstance(value, list) else [value]
        hidden = ("email", "mail", "e-mail")
        if any(isinstance(person, dict) and any(name.lower() in hidden for name in person) for person in people):
            self.warnings.append("an author's mail address was not stored")
        kept = [{name: item for name, item in person.items() if name.lower() not in hidden}
                if isinstance(person, dict) else person for person in people]  # fmt: skip
        if any(isinstance(person, str) and _MAIL.search(person) for person in kept):
            self.warnings.append("an author's mail address was not stored")
            kept = [_without_mail(person) if isinstance(person, str) else person for person in kept]
        if any(kept):
            self.payload[key] = kept if isinstance(value, list) else kept[0]
        return True


def people_in(text: str) -> list[str]:
    """Return the names of people in the text of one author: without links to their pages and without mail addresses."""
    parts = _NEXT_LINKED.split(text) if len(_LINKED.findall(text)) > 1 else [text]
    names = (_without_mail(one_line(_LINK_TAG.sub("", _LINKED.sub(r"\1", part)))) for part in parts)
    return [name for name in names if name]


def _without_mail(text: str) -> str:
    return " ".join(_MAIL.sub(" ", text).split()).strip(" ,;")


# The meaning of a key outside the table, by its target in a mapping file.
_RULES = {
    "held": publication.table_rule("draft"),
    "status": publication.table_rule("status"),
    "published": publication.table_rule("published"),
    "password": publication.table_rule("password"),
    "published_on": publication.table_rule("date"),
}
_KINDS = {"line": LINES, "text": TEXTS, "list": LISTS, "number": NUMBERS}


def _joined(words: Words) -> str | None:
    """Return a text, or a list of texts joined to one; None for anything else."""
    if isinstance(words, str):
        return words
    if isinstance(words, list) and words and all(isinstance(item, str) for item in words):
        return ", ".join(words)
    return None


def _nested(values: dict[str, Any], words: dict[str, Words], key: str) -> tuple[Any, Words] | None:
    """Return (value, words) of "a.b" in nested objects, or None."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return None
        values, words = values[part], words[part]
    return values, words
