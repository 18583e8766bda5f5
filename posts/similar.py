"""Which listed posts a reader may go on to. Reads only; two queries at any size of the site."""

from dataclasses import dataclass

from django.db.models import FloatField, Max, Sum
from django.db.models.functions import Cast

from posts.models import Post, PostTerm, Term
from posts.operations.listing import terms_of

SUBJECTS = {str(kind) for kind in Term.SUBJECTS}

# Cost grows with how common the compared terms are, so only the rarest of a post are compared.
RAREST_TERMS = 4


@dataclass(frozen=True)
class SimilarPost:
    """A listed post and the names of what it shares, rarest kinds of thing first."""

    post: Post
    shared: list[str]


def similar_posts(post, record, *, limit=6):
    """Listed posts that share the rarest terms of `record` (the text shown of `post`), best first: [SimilarPost].

    A shared term counts as much as it is rare (1 / number of listed posts with it); ties go to the newer post.
    Never holds `post` itself; empty when nothing is shared. Source of the weighting: K. Spärck Jones, "A statistical
    interpretation of term specificity and its application in retrieval", 1972.
    """
    terms = _subjects(record)
    if not terms:
        return []
    rarest = (
        Term.objects.filter(key__in={key for _, key in terms}, kind__in=SUBJECTS, listed_count__gt=0)
        .order_by("listed_count", "pk")
        .values("pk")[:RAREST_TERMS]
    )
    best = (
        PostTerm.objects.filter(term__in=rarest)
        .exclude(post=post.pk)
        .values_list("post_id", flat=True)
        .annotate(weight=Sum(1.0 / Cast("term__listed_count", FloatField())), newest=Max("published_at"))
        .order_by("-weight", "-newest", "-post_id")[:limit]
    )
    ranks = {pk: rank for rank, pk in enumerate(best)}
    found = Post.objects.listed().filter(pk__in=ranks).with_texts() if ranks else []
    return [
        SimilarPost(other, [name for term, name in _subjects(other.live_revision.snapshot).items() if term in terms])
        for other in sorted(found, key=lambda other: ranks[other.pk])
    ]


def _subjects(record):
    return {term: name for term, name in terms_of(record).items() if term[0] in SUBJECTS}
