from django.db.models import F

from posts.models import PostTerm, Term

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
    wanted = terms_of(post.live_revision.snapshot) if post.is_listed else {}
    old = dict(post.post_terms.values_list("term_id", "pk"))
    terms = []
    if wanted:
        # In one order everywhere, here and below: two releases at once must not wait for each other's terms.
        Term.objects.bulk_create(
            [Term(kind=kind, key=key, name=wanted[kind, key]) for kind, key in sorted(wanted)], ignore_conflicts=True
        )
        candidates = Term.objects.filter(key__in={key for _, key in wanted})
        terms = [term for term in candidates if (term.kind, term.key) in wanted]
    gone = [pk for term_id, pk in old.items() if term_id not in {term.pk for term in terms}]
    new = [term for term in terms if term.pk not in old]
    touched = {term.pk for term in new} | {term_id for term_id, pk in old.items() if pk in gone}
    list(Term.objects.filter(pk__in=touched).order_by("pk").select_for_update().values_list("pk"))
    Term.objects.filter(post_terms__in=gone).update(listed_count=F("listed_count") - 1)
    PostTerm.objects.filter(pk__in=gone).delete()
    PostTerm.objects.bulk_create(PostTerm(post=post, term=term, published_at=post.first_published_at) for term in new)
    Term.objects.filter(pk__in=[term.pk for term in new]).update(listed_count=F("listed_count") + 1)
