from collections import Counter, defaultdict

from django.db.models import F

from posts.models import PostTerm, Term
from posts.term_slugs import free_term_slugs

_LISTS = {"stack": Term.Kind.STACK, "tools": Term.Kind.TOOL, "tags": Term.Kind.TAG}
_WORDS = {
    "topic": Term.Kind.TOPIC,
    "language": Term.Kind.LANGUAGE,
    "code_language": Term.Kind.CODE,
    "difficulty": Term.Kind.DIFFICULTY,
}


def term_key(kind, name):
    """(kind, key) of a name as a record has it: what makes two spellings one term."""
    return str(kind), " ".join(name.split())[:300].casefold()[:300]


def terms_of(record):
    """{(kind, key): name} of what a record is about and how it is written."""
    found = [(kind, name) for field, kind in _LISTS.items() for name in record.get(field, ())]
    found += [(kind, record[field]) for field, kind in _WORDS.items() if record.get(field)]
    found += [(Term.Kind.ENTITY, entity["name"]) for entity in record.get("entities", ())]
    terms = {}
    for kind, name in found:
        terms.setdefault(term_key(kind, name), " ".join(name.split())[:300])
    return terms


def refresh_listing(post):
    """Bring the term rows of `post` in step with whether it is listed and with what is live.

    Every operation that can change either ends with this call.
    """
    refresh_listings([post])


def refresh_listings(posts):
    """refresh_listing of many posts in one step, whose terms are locked once and in one order.

    A transaction calls it once, at its end: one that comes back for more terms and a release that holds those could
    wait for each other. The rows are those of `is_listable` posts: the site's own switch is asked when a page is read,
    so that turning it touches no row.
    """
    posts = list(posts)
    wanted = {post.pk: terms_of(post.live_revision.snapshot) if post.is_listable else {} for post in posts}
    terms = _known_terms({key: name for terms in wanted.values() for key, name in terms.items()})
    old = defaultdict(dict)
    for post_id, term_id, pk in PostTerm.objects.filter(post__in=wanted).values_list("post_id", "term_id", "pk"):
        old[post_id][term_id] = pk
    steps, gone, new = Counter(), [], []
    for post in posts:
        is_now = {terms[key] for key in wanted[post.pk]}
        was = old[post.pk]
        gone += [was[term_id] for term_id in was.keys() - is_now]
        new += [
            PostTerm(post_id=post.pk, term_id=term_id, published_at=post.first_published_at)
            for term_id in sorted(is_now - was.keys())
        ]
        steps.update(is_now - was.keys())
        steps.subtract(was.keys() - is_now)
    PostTerm.objects.filter(pk__in=gone).delete()
    PostTerm.objects.bulk_create(new)
    _count(steps)


def _count(steps):
    """Add to the counts of terms ({primary key: how many posts more or fewer}).

    Half of all posts share a level or a language, so releases at the same time meet here: the counts come last, and
    are held from here to the end of the transaction only. The lock is the one that lets others refer to the row.
    """
    steps = {term_id: step for term_id, step in steps.items() if step}
    list(Term.objects.filter(pk__in=steps).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    for step in set(steps.values()):
        moved = [term_id for term_id, found in steps.items() if found == step]
        Term.objects.filter(pk__in=moved).update(listed_count=F("listed_count") + step)


def _known_terms(names):
    """{(kind, key): primary key} of `names` ({(kind, key): name}); terms that nobody has named yet are made."""
    known = {}
    # In one order everywhere: two releases at once must not wait for each other's terms.
    while missing := {term: names[term] for term in sorted(names) if term not in known}:
        found = Term.objects.filter(kind__in={kind for kind, _ in missing}, key__in={key for _, key in missing})
        known |= {(kind, key): pk for kind, key, pk in found.values_list("kind", "key", "pk") if (kind, key) in missing}
        if new := {term: name for term, name in missing.items() if term not in known}:
            # Another release may make the same term, or take the address for another one: then the next look tells.
            slugs = free_term_slugs(new, _taken_addresses)
            Term.objects.bulk_create(
                [Term(kind=kind, key=key, name=new[kind, key], slug=slugs[kind, key]) for kind, key in new],
                ignore_conflicts=True,
            )
    return known


def _taken_addresses(pairs):
    slugs, kinds = {slug for _, slug in pairs}, {kind for kind, _ in pairs}
    return pairs & set(Term.objects.filter(kind__in=kinds, slug__in=slugs).values_list("kind", "slug"))
