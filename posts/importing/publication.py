"""How sources say that a text is not public: one table of keys, values and meanings, for every reader.

The keys are those that Jekyll, Hugo, Zola, Eleventy, Astro, Gatsby, Hexo, Pelican, Nikola, MkDocs, Docusaurus,
VuePress, Obsidian Publish, digital gardens, Ghost and WordPress document, and those that are common in their themes
and plugins. docs/importing.md shows the table; a test compares them.
"""

import contextlib
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.utils import timezone
from pydantic_core import from_json

from posts.importing.dates import UnreadableDate, read_date
from posts.models.post_hold import HoldReason
from posts.records.schema import RecordDict

# A value with every scalar in it as its text: a text, a list or an object of such values, or None.
Words = Any
# What a mapping file says that values mean: {key: {value: meaning}}.
Meanings = dict[str, dict[str, str]]

PUBLIC = "public"
# What a mapping file can say that a value means.
MEANINGS = (PUBLIC, *(reason.value for reason in HoldReason if reason not in HoldReason.not_of_a_value()))
MISSING = "missing"
YES = ("true", "yes", "on", "y", "t", "1")
NO = ("false", "no", "off", "n", "f", "0")
# Yes and no for keys that hide something: “hide: always”.
EVER = ("all", "always", "everyone", "anyone")
NOTHING = ("", "none", "null", "nil", "~", "undefined")
MAX_DETAIL = 200

# Words for any key of the table. A word in none of these lists is unknown, and holds the post.
WORDS: dict[str, tuple[str, ...]] = {
    PUBLIC: (
        "published", "publish", "public", "live", "released", "final", "finished", "complete", "completed", "done",
        "active", "posted", "visible", "listed", "open", "everyone", "everybody", "anyone", "all", "always", "local",
        "new", "deprecated", "featured", "stable", "updated", "evergreen", "budding", "seedling", "sapling",
    ),
    HoldReason.DRAFT: (
        "draft", "drafts", "drafted", "wip", "work in progress", "idea", "pending", "review", "in review",
        "needs review", "unfinished", "auto draft", "todo", "stub",
    ),
    HoldReason.UNPUBLISHED: (
        "unpublished", "not published", "archived", "archive", "trash", "trashed", "deleted", "removed", "withdrawn",
        "retired", "rejected", "disabled", "inactive", "skip", "ignore", "ignored", "excluded",
    ),
    HoldReason.SCHEDULED: ("future", "scheduled", "queued", "embargo", "embargoed"),
    HoldReason.EXPIRED: ("expired",),
    HoldReason.PRIVATE: (
        "private", "internal", "secret", "confidential", "personal", "restricted", "team", "staff", "admin", "admins",
        "only me", "nobody",
    ),
    HoldReason.MEMBERS: (
        "members", "member", "members only", "membership", "subscribers", "subscriber", "subscribers only", "paid",
        "paid members", "paid members only", "paid subscribers", "paid subscribers all tiers", "only paid", "only free",
        "founding", "premium", "paywall", "paywalled",
        "tiers", "filter", "patrons", "sponsors", "supporters", "customers", "sent", "email only", "logged in",
        "registered", "users",
    ),
    HoldReason.NOT_RENDERED: ("never", "link", "headless"),
    HoldReason.HIDDEN: ("hidden", "hide", "unlisted", "invisible"),
    HoldReason.PASSWORD: ("password", "protected", "password protected", "encrypted"),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One row of the table. holds: YES or NO (the answer that holds), WORD, BEFORE or AFTER a date, or ANY value."""

    holds: str
    reason: HoldReason
    keys: tuple[str, ...]
    known_to: str
    ignores_unknown: bool = False  # the key is also used for much else
    only: tuple[str, ...] = ()  # the words that count, if not all of them
    holds_empty: bool = False  # a date: without one the text is not published


IF_YES, IF_NO, BY_WORD, BEFORE, AFTER, IF_ANY = "yes", "no", "word", "before", "after", "any"
_HELD_IF = {
    IF_YES: "yes",
    IF_NO: "no, or empty",
    BY_WORD: "its value says so",
    BEFORE: "the date is in the future",
    AFTER: "the date has passed, or yes",
    IF_ANY: "it has a value",
}

TABLE = (
    Rule(IF_YES, HoldReason.DRAFT, ("draft", "drafts", "isDraft", "inDraft", "saveAsDraft", "wip", "unfinished"),
         "Hugo, Zola, Astro, Eleventy, MkDocs Material, Docusaurus, Quartz, Hashnode"),
    Rule(IF_NO, HoldReason.UNPUBLISHED,
         ("published", "publish", "isPublished", "public", "isPublic", "dg-publish", "enabled", "publishable",
          "readyToPublish", "shouldPublish"),
         "Jekyll, Hexo, dev.to, VuePress, Obsidian Publish, Quartz, digital gardens, Gatsby starters"),
    Rule(IF_NO, HoldReason.UNPUBLISHED,
         ("active", "isActive", "live", "isLive", "online", "released", "isReleased", "approved",
          "isApproved", "ready"),
         "content managers", ignores_unknown=True),
    Rule(IF_YES, HoldReason.UNPUBLISHED,
         ("unpublished", "unpublish", "noPublish", "doNotPublish", "dontPublish", "archived", "isArchived", "trashed"),
         "themes of many generators"),
    Rule(IF_YES, HoldReason.UNPUBLISHED,
         ("skip", "ignore", "ignored", "ignorePost", "exclude", "excluded", "disabled", "deleted"),
         "Middleman, Hashnode, plugins of many generators", ignores_unknown=True),
    Rule(BY_WORD, HoldReason.DRAFT,
         ("status", "post_status", "publication_status", "publishStatus", "publishedStatus", "contentStatus",
          "publicationState", "publishState", "publishedState"),
         "Pelican, Nikola, Ghost, WordPress, MkDocs Material"),
    Rule(BY_WORD, HoldReason.PRIVATE, ("visibility", "privacy", "privacy.view", "_jetpack_newsletter_access"),
         "Ghost, WordPress (Jetpack), Medium, ReadMe"),
    Rule(BY_WORD, HoldReason.DRAFT, ("state", "stage", "workflow", "access"), "content managers", ignores_unknown=True),
    Rule(BY_WORD, HoldReason.DRAFT, ("layout", "type", "audience"), "Hexo, Substack", ignores_unknown=True,
         only=("draft", "drafts", "private", "unpublished", "unlisted", "hidden", "internal", "members", "paid",
               "subscribers", "only paid", "only free", "founding")),
    Rule(IF_YES, HoldReason.PRIVATE,
         ("private", "isPrivate", "secret", "confidential", "internal", "internalOnly", "restricted"),
         "Hugo themes, digital gardens, Obsidian publishers"),
    Rule(IF_YES, HoldReason.MEMBERS,
         ("premium", "isPremium", "paid", "paidOnly", "membersOnly", "memberOnly", "subscribersOnly", "paywall",
          "paywalled", "requiresLogin", "loginRequired", "access.site.login", "emailOnly"),
         "Ghost, Grav, membership plugins"),
    Rule(IF_ANY, HoldReason.PASSWORD,
         ("password", "passwords", "passwd", "passphrase", "passcode", "post_password", "pagePassword"),
         "Hexo (hexo-blog-encrypt), VuePress Theme Hope, WordPress"),
    Rule(IF_YES, HoldReason.PASSWORD, ("protected", "encrypt", "encrypted", "passwordProtected"),
         "encrypting plugins"),
    Rule(IF_YES, HoldReason.HIDDEN,
         ("hidden", "hide", "isHidden", "unlisted", "isUnlisted", "dg-hide", "_hidden", "invisible",
          "hideInList", "eleventyExcludeFromCollections", "excludeFromCollections"),
         "Docusaurus, Eleventy, Hexo (hexo-hide-posts), Gridea, Jekyll themes, digital gardens, Lektor"),
    Rule(IF_NO, HoldReason.HIDDEN, ("listed", "visible", "isVisible", "_discoverable", "build.list", "_build.list"),
         "Hugo, Lektor, themes"),
    Rule(IF_NO, HoldReason.NOT_RENDERED, ("render", "routable", "build.render", "_build.render"), "Hugo, Zola, Grav"),
    Rule(IF_YES, HoldReason.NOT_RENDERED, ("headless", "norender"), "Hugo"),
    Rule(BEFORE, HoldReason.SCHEDULED,
         ("date", "date.created", "created", "created_at", "publishDate", "publish_date", "pubDate", "published_date",
          "published_on", "date_published", "pubDatetime", "publishOn", "publishAt", "publishAfter",
          "publishFrom", "scheduled", "scheduledAt", "scheduledFor", "scheduledDate", "scheduledOn", "embargo",
          "embargoed", "embargoUntil", "goLive", "goLiveAt", "availableFrom", "visibleFrom"),
         "Hugo, Jekyll, Pelican, MkDocs Material, WordPress"),
    Rule(BEFORE, HoldReason.SCHEDULED, ("published_at",), "Ghost, Strapi", holds_empty=True),
    Rule(AFTER, HoldReason.EXPIRED,
         ("expiryDate", "expireDate", "expirationDate", "expiry", "expires", "expired", "expiresAt", "expiresOn",
          "expireAt", "expireOn", "expiration", "unpublishDate", "unpublishOn", "unpublishAt", "publishUntil",
          "visibleUntil", "availableUntil", "validUntil"),
         "Hugo, Gatsby and Astro starters"),
)  # fmt: skip
# Folders that generators don't publish, and file name prefixes with the same meaning.
FOLDERS = {
    "_draft": HoldReason.DRAFT,
    "draft": HoldReason.DRAFT,
    "_wip": HoldReason.DRAFT,
    "wip": HoldReason.DRAFT,
    "_drafts": HoldReason.DRAFT,
    "drafts": HoldReason.DRAFT,
    "_unpublished": HoldReason.UNPUBLISHED,
    "unpublished": HoldReason.UNPUBLISHED,
    "_private": HoldReason.PRIVATE,
    "private": HoldReason.PRIVATE,
}
# File names with the same meaning: drafts of Nuxt Content, Medium exports and Blot.
_DRAFT_NAME = re.compile(r"draft_.*|\[draft\].*|.*\.draft\.\w+", re.IGNORECASE | re.DOTALL)
# Objects for the site's own keys, in which the table also counts.
WRAPPERS = ("params", "extra", "custom", "frontmatter", "metadata", "meta", "page", "post", "blog", "publishing",
            "eleventyComputed")  # fmt: skip
# Lists under these keys name parts of a page to leave out, or lists of posts that leave out the page; the page itself
# is public.
_NAMES_PARTS = {"hide", "hidden", "eleventyexcludefromcollections", "excludefromcollections"}
_PARTS = ("navigation", "toc", "footer", "tags", "path", "feedback", "title", "sidebar", "nav", "header")


class Hold(NamedTuple):
    """Why a text is held: the reason, and its source (“status: in-progress”)."""

    reason: str
    detail: str = ""


def plain_key(key: str) -> str:
    """Return the normal form of a key: Publish-Date, publish_date and publishDate are one.

    Invisible characters, such as a non-breaking space, and question marks are ignored.
    """
    return re.sub(r"[-_?\s\u200b-\u200f\u2060\ufeff]", "", key).lower()


@cache
def _rules() -> dict[str, Rule]:
    return {plain_key(key): rule for rule in TABLE for key in rule.keys}


@cache
def _reasons_of_words() -> dict[str, str]:
    return {_plain_word(word): reason for reason, words in WORDS.items() for word in words}


def rule_of(key: str) -> Rule | None:
    """Return the Rule for a key, or None."""
    return _rules().get(plain_key(key))


def table_rule(key: str) -> Rule:
    """Return the Rule for a key that is known to be in the table."""
    return _rules()[plain_key(key)]


def is_wrapper(key: str) -> bool:
    """Return whether an object under this key holds keys of the table."""
    return plain_key(key) in map(plain_key, WRAPPERS)


def plain_keys() -> list[str]:
    """Return the top-level keys of the table, as the generators spell them."""
    return [key for rule in TABLE for key in rule.keys if "." not in key]


def hold_of_path(folders: list[str], name: str) -> Hold | None:
    """Return the Hold that the path of a file means, or None. name: its own name, without folders."""
    for folder in folders:
        if reason := FOLDERS.get(folder.lower()):
            return Hold(reason, f"folder {folder}"[:MAX_DETAIL])
    if name.startswith("_"):
        # Partials: Astro, Docusaurus and Jekyll make no page of them.
        return Hold(HoldReason.NOT_RENDERED, name[:MAX_DETAIL])
    if _DRAFT_NAME.fullmatch(name):
        return Hold(HoldReason.DRAFT, name[:MAX_DETAIL])
    return None


def hold_of(
    key: str, value: object, words: Words, *, rule: Rule | None = None, values: Meanings | None = None, dates: str = ""
) -> Hold | None:
    """Return the Hold that a key with its value means, or None if the key allows publication.

    value: with its type. values: the mapping file's meanings. dates: its order of day and month. rule: replaces that
    of the table.
    """
    rule = rule or rule_of(key)
    if rule is None:
        return None
    meanings = meanings_of(values, key)
    shown = _shown(key, words)
    own_name = plain_key(key).rpartition(".")[2]
    if isinstance(words, list):
        if own_name in _NAMES_PARTS:
            return None
        holds = [hold_of(key, item, item, rule=rule, values=values, dates=dates) for item in words]
        return next((hold for hold in holds if hold), None)
    if isinstance(words, dict):
        # Of an object, only the keys in the table count.
        is_known = rule.ignores_unknown or any(rule_of(f"{key}.{inner}") for inner in words)
        return None if is_known else Hold(HoldReason.UNKNOWN, shown)
    word = _plain_word("" if words is None else words)
    if word in meanings:
        return None if meanings[word] == PUBLIC else Hold(meanings[word], shown)
    reason = _reason(rule, own_name, word, words or "", dates)
    if reason is None:
        return None
    # A password must not be stored.
    return Hold(reason, key[:MAX_DETAIL] if rule.holds == IF_ANY else shown)


def missing_holds(names: Iterable[str], values: Meanings | None) -> Iterator[Hold]:
    """Yield the Holds that the mapping file gives to texts without a key. names: the keys that a text has."""
    present = {plain_key(name) for name in names}
    for key in values or {}:
        meaning = meanings_of(values, key).get(MISSING, PUBLIC)
        if plain_key(key) not in present and meaning != PUBLIC:
            yield Hold(meaning, f"no {key}"[:MAX_DETAIL])


def holds_of_record(record: RecordDict, known: Container[str], raw: bytes = b"") -> tuple[Hold, ...]:
    """Return the Holds of a record in our format: by keys beyond the schema (`known`) and a future date.

    raw: the JSON of the record, which has the time of day that the record has lost.
    """
    found = [hold_of(key, value, texts_of(value)) for key, value in record.items() if key not in known and rule_of(key)]
    if (day := record.get("published_on")) and _is_to_come(day, raw):
        found.append(Hold(HoldReason.SCHEDULED, f"published_on: {day}"))
    return distinct(filter(None, found))


def _is_to_come(day: str, raw: bytes) -> bool:
    now = timezone.now()
    if raw and abs(date.fromisoformat(day) - now.date()) <= timedelta(days=1):
        # Only there does the time of day with its zone matter.
        with contextlib.suppress(UnreadableDate):
            _, moment = read_date(from_json(raw)["published_on"])
            return moment is not None and moment > now
    return day > now.date().isoformat()


def distinct(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    """Return `holds` as a tuple, one for each reason."""
    first: dict[str, Hold] = {}
    for hold in holds:
        first.setdefault(hold.reason, hold)
    return tuple(first.values())


def hold_of_status(status: str, values: Meanings | None = None) -> Hold | None:
    """Return the Hold of a WordPress status other than “publish”; a plugin's own status is unknown."""
    word = _plain_word(status)
    reason = meanings_of(values, "status").get(word) or _reasons_of_words().get(word, PUBLIC)
    if reason == PUBLIC and word not in meanings_of(values, "status"):
        reason = HoldReason.UNKNOWN
    return None if reason == PUBLIC else Hold(reason, f"status: {status}"[:MAX_DETAIL])


def meanings_of(values: Meanings | None, key: str) -> dict[str, str]:
    """Return {plain value: meaning} of a key in a mapping file."""
    plain = plain_key(key)
    said = next((said for name, said in (values or {}).items() if plain_key(name) == plain), {})
    return {_plain_word(value): meaning for value, meaning in said.items()}


def texts_of(value: object) -> Words:
    """Return a value with all its numbers and booleans as text."""
    if isinstance(value, dict):
        return {key: texts_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [texts_of(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def table_lines() -> list[str]:
    """Return the table as docs/importing.md shows it."""
    lines = ["| keys | held if | as | known to |", "|---|---|---|---|"]
    for rule in TABLE:
        names = ", ".join(f"`{key}`" for key in rule.keys)
        rest = "; unknown values are ignored" if rule.ignores_unknown else ""
        rest = f": {', '.join(rule.only)}" if rule.only else rest
        reason = "what the value says" if rule.holds == BY_WORD else rule.reason.label.lower()
        rest += ", or empty (as unpublished)" if rule.holds_empty else ""
        lines.append(f"| {names} | {_HELD_IF[rule.holds]}{rest} | {reason} | {rule.known_to} |")
    lines += ["", "| words | mean |", "|---|---|"]
    for reason, words in WORDS.items():
        label = "public" if reason == PUBLIC else f"held: {HoldReason(reason).label.lower()}"
        lines.append(f"| {', '.join(words)} | {label} |")
    return lines


def _reason(rule: Rule, key: str, word: str, words: Words, dates: str) -> str | None:
    """Return the reason that a rule finds in a value, or None."""
    if rule.holds == IF_ANY:
        return None if word in NOTHING + NO else rule.reason
    if rule.holds in (BEFORE, AFTER):
        return _reason_of_moment(rule, word, words, dates)
    if word in NOTHING:
        return HoldReason.UNKNOWN if rule.holds == IF_NO and not rule.ignores_unknown else None
    if rule.holds == IF_YES and word in (*EVER, "never"):
        return rule.reason if word in EVER else None
    if word in YES + NO:
        return _reason_of_yes_or_no(rule, word)
    if (key in _NAMES_PARTS and word in _PARTS) or (rule.only and word not in rule.only):
        return None
    return _reason_of_word(rule, word, words, dates)


def _reason_of_yes_or_no(rule: Rule, word: str) -> str | None:
    if rule.holds != BY_WORD:
        return rule.reason if (word in YES) == (rule.holds == IF_YES) else None
    return None if word in YES or rule.ignores_unknown else HoldReason.UNPUBLISHED


def _reason_of_word(rule: Rule, word: str, words: Words, dates: str) -> str | None:
    reason = _reasons_of_words().get(word)
    if reason is not None:
        return None if reason == PUBLIC else rule.reason if rule.reason == HoldReason.HIDDEN else reason
    if rule.holds == IF_NO and not rule.ignores_unknown:
        # `published` and `publish` may hold the day.
        return _reason_of_moment(table_rule("publishDate"), word, words, dates)
    return None if rule.ignores_unknown else HoldReason.UNKNOWN


def _reason_of_moment(rule: Rule, word: str, words: Words, dates: str) -> str | None:
    if word in NOTHING and rule.holds_empty:
        return HoldReason.UNPUBLISHED
    if word in (*NO, *NOTHING, "never"):
        return None
    if word in YES:
        return rule.reason
    moments = []
    for order in (dates,) if dates else ("day-first", "month-first"):
        # A date that could be two days holds the post if one of them does.
        try:
            moments.append(read_date(words, order=order)[1])
        except UnreadableDate:
            continue
    if not moments:
        reason = _reasons_of_words().get(word, HoldReason.UNKNOWN)
        return None if reason == PUBLIC else reason
    now = timezone.now()
    held = (moment > now if rule.holds == BEFORE else moment <= now for moment in moments if moment is not None)
    return rule.reason if any(held) else None


def _plain_word(word: object) -> str:
    word = re.sub(r"[\s_-]+", " ", str(word)).strip().strip("\"'").strip().casefold()
    return re.sub(r"^([01])\.0+$", r"\1", word)


def _shown(key: str, words: Words) -> str:
    """Return a key and its value in one line."""
    words = "(empty)" if words in (None, "") else words if isinstance(words, str) else str(words)
    return " ".join(f"{key}: {words}".split())[:MAX_DETAIL]
