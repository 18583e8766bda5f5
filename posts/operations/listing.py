from collections import Counter, defaultdict

from django.db.models import F

from posts.models import PostTerm, Term
from posts.neighbours import mark_stale

KINDS_BY_KEY = {"stack": Term.Kind.STACK, "tools": Term.Kind.TOOL, "tags": Term.Kind.TAG}


def terms_of(record):
    """{(kind, key): name} of what a record is about: stack, tools, topic, entities, tags."""
    found = [(kind, name) for field, kind in KINDS_BY_KEY.items() for name in record.get(field, ())]
    if topic := record.get("topic"):
        found.append((Term.Kind.TOPIC, topic))
    found += [(Term.Kind.ENTITY, entity["name"]) for entity in record.get("entities", ())]
    terms = {}
    for kind, name in found:
        name = " ".join(name.split())[:300]
        terms.setdefault((kind.value, name.casefold()[:300]), name)
    return terms


def refresh_listing(post):
    """Bring the term rows of `post` in step with whether it is listed and with what is live.

    Every operation that can change either ends with this call.
    """
    refresh_listings([post])


def refresh_listings(posts):
    """refresh_listing of many posts in one step, whose terms are locked once and in one order.

    A transaction calls it once, at its end: one that comes back for more terms and a release that holds those could
    wait for each other.
    """
    wanted = {post.pk: terms_of(post.live_revision.snapshot) if post.is_listed else {} for post in posts}
    terms = _known_terms({key: name for terms in wanted.values() for key, name in terms.items()})
    old = defaultdict(dict)
    for post_id, term_id, pk in PostTerm.objects.filter(post__in=wanted).values_list("post_id", "term_id", "pk"):
        old[post_id][term_id] = pk
    steps, gone, new, changed = Counter(), [], [], []
    for post in posts:
        is_now = {terms[key] for key in wanted[post.pk]}
        was = old[post.pk]
        gone += [was[term_id] for term_id in was.keys() - is_now]
        new += [
            PostTerm(post_id=post.pk, term_id=term_id, published_at=post.first_published_at)
            for term_id in sorted(is_now - was.keys())
        ]
        if is_now != was.keys():
            changed.append(post.pk)
        steps.update(is_now - was.keys())
        steps.subtract(was.keys() - is_now)
    list(Term.objects.filter(pk__in=steps).order_by("pk").select_for_update().values_list("pk"))
    PostTerm.objects.filter(pk__in=gone).delete()
    PostTerm.objects.bulk_create(new)
    mark_stale(changed)
    for step in set(steps.values()) - {0}:
        moved = [term_id for term_id, found in steps.items() if found == step]
        Term.objects.filter(pk__in=moved).update(listed_count=F("listed_count") + step)


def _known_terms(names):
    """{(kind, key): primary key} of `names` ({(kind, key): name}); terms that nobody has named yet are made."""
    if not names:
        return {}
    # In one order everywhere, as the locks above: two releases at once must not wait for each other's terms.
    Term.objects.bulk_create(
        [Term(kind=kind, key=key, name=names[kind, key]) for kind, key in sorted(names)], ignore_conflicts=True
    )
    found = Term.objects.filter(key__in={key for _, key in names}).values_list("kind", "key", "pk")
    return {(kind, key): pk for kind, key, pk in found if (kind, key) in names}
