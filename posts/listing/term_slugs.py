"""Slugs of terms: made from the name, unique within a kind."""

import hashlib
from collections.abc import Callable, Mapping

from posts.records.slugs import slug_from

# Of a term: (kind, what makes two spellings one term).
TermKey = tuple[str, str]

# After so many terms with the same words a hash makes slugs unique, because each try is a query.
NUMBERED = 9


def term_slug_choices(kind: str, key: str, name: str) -> list[str]:
    """Return the slugs that a term could take, best first; the last one is unique.

    A name without letters and digits gets the word of its kind.
    """
    wish = slug_from(name) or str(kind)
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
    tries = {term: term_slug_choices(*term, name) for term, name in names.items()}
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
