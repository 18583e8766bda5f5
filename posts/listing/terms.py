"""The terms under which a post is listed."""

from functools import lru_cache

from posts.listing.term_slugs import TermKey
from posts.models import Term
from posts.records.schema import RecordDict

_LISTS = {"stack": Term.Kind.STACK, "tools": Term.Kind.TOOL, "tags": Term.Kind.TAG, "authors": Term.Kind.AUTHOR}
# The longest name whose key is remembered: a page has seventy names, most of them those of other pages.
MAX_KNOWN = 60
_WORDS = {
    "topic": Term.Kind.TOPIC,
    "language": Term.Kind.LANGUAGE,
    "code_language": Term.Kind.CODE,
    "difficulty": Term.Kind.DIFFICULTY,
}


def term_key(kind: str, name: str) -> TermKey:
    """Return (kind, key) of a name in a record; spellings with one key are one term."""
    # A value of Term.Kind is text itself, but takes a call of Python to say so.
    return str.__str__(kind), _known_key(name) if len(name) <= MAX_KNOWN else _key(name)


def _key(name: str) -> str:
    return " ".join(name.split())[:300].casefold()[:300]


_known_key = lru_cache(maxsize=4096)(_key)


def field_kind(field: str) -> Term.Kind:
    """Return the kind of the terms in a field of the record: tools → tool."""
    return Term.Kind.ENTITY if field == "entities" else _LISTS.get(field) or _WORDS[field]


def terms_of(record: RecordDict) -> dict[TermKey, str]:
    """Return {(kind, key): name} of what a record is about and how it is written."""
    found = [(kind, name) for field, kind in _LISTS.items() for name in record.get(field, ())]
    found += [(kind, record[field]) for field, kind in _WORDS.items() if record.get(field)]
    found += [(Term.Kind.ENTITY, entity["name"]) for entity in record.get("entities", ())]
    terms: dict[TermKey, str] = {}
    for kind, name in found:
        terms.setdefault(term_key(kind, name), " ".join(name.split())[:300])
    return terms


def stacks_of(record: RecordDict) -> list[TermKey]:
    """Return the (kind, key) of the stacks of a record, in its order."""
    return [term_key(Term.Kind.STACK, name) for name in record.get("stack", ())]


def first_stack_of(record: RecordDict) -> TermKey | None:
    """Return the first of stacks_of(), or None."""
    names = record.get("stack")
    return term_key(Term.Kind.STACK, names[0]) if names else None
