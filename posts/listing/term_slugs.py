"""Slugs of terms: made from the name, unique within a kind, never changed."""

import hashlib
import re
from collections.abc import Callable, Mapping

from django.utils.text import slugify

MAX_LENGTH = 120
# Characters that slugs leave out although they distinguish names: C, C++ and C#.
_SPOKEN = (("++", " plus plus "), ("#", " sharp "), ("&", " and "), ("@", " at "), ("+", " plus "))
# Of a term: (kind, what makes two spellings one term).
TermKey = tuple[str, str]

# After so many terms with the same words a hash makes slugs unique, because each try is a query.
NUMBERED = 9


def wished_term_slug(kind: str, name: str) -> str:
    """Return the preferred slug for the name of a term: C++ → c-plus-plus.

    A name without ASCII letters and digits gets the word of its kind.
    """
    words = re.sub(r"^\.(?=\w)", "dot ", name)
    for sign, spoken in _SPOKEN:
        words = words.replace(sign, spoken)
    return re.sub("[-_]+", "-", slugify(words)).strip("-")[:MAX_LENGTH].strip("-") or str(kind)


def _tries(kind: str, key: str, name: str) -> list[str]:
    """Yield the slugs that a term could take, best first; the last one is unique."""
    wish = wished_term_slug(kind, name)
    digest = hashlib.sha256(key.encode()).hexdigest()
    return [
        wish,
        *(f"{wish}-{number}" for number in range(2, NUMBERED + 1)),
        f"{wish}-{digest[:8]}",
        f"{wish}-{digest}",
    ]


def free_term_slugs(names: Mapping[TermKey, str], taken: Callable[[set[TermKey]], set[TermKey]]) -> dict[TermKey, str]:
    """Return {(kind, key): slug} for new terms `names` ({(kind, key): name}), in their order.

    taken(pairs) returns those of the (kind, slug) pairs that a term has; it is called once for each further choice.
    """
    tries = {term: _tries(*term, name) for term, name in names.items()}
    slugs: dict[TermKey, str] = {}
    given: set[TermKey] = set()
    choice = 0
    while len(slugs) < len(names):
        # A name's first choice comes before another name's second choice.
        wished = {term: found[choice] for term, found in tries.items() if term not in slugs}
        blocked = given | taken({(kind, slug) for (kind, _), slug in wished.items()})
        for (kind, key), slug in wished.items():
            if (kind, slug) not in blocked or choice == NUMBERED + 1:
                slugs[kind, key] = slug
                blocked.add((kind, slug))
                given.add((kind, slug))
        choice += 1
    return slugs
