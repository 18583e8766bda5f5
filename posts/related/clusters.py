"""Clusters: posts that repeat one another, each under the earliest post that it repeats."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from posts.models import Post, Revision, TextTwin

# A page looks at so many clusters, and shows those in which at least two posts are left.
LOOKED_AT = 50
# Of a post that a thousand others repeat, a page shows so many.
MEMBERS = 8


@dataclass(frozen=True)
class Member:
    """A post of a cluster. similarity: to the first one, 0.7 to 1."""

    post: Post
    similarity: float

    @property
    def percent(self) -> int:
        return round(self.similarity * 100)


@dataclass(frozen=True)
class Cluster:
    """A post, and those that repeat it and nothing earlier. more: how many of these are not among `repeats`."""

    first: Post
    repeats: list[Member]
    more: int = 0


def is_settled(post: Post) -> bool:
    """Return whether a post is withdrawn, or rejected without a page for readers, so that nothing is left to do."""
    if post.withdrawn_at:
        return True
    return post.live_revision_id is None and post.head.status == Revision.Status.REJECTED


def clusters(*, before: int | None = None) -> tuple[list[Cluster], int | None]:
    """Return ([Cluster], where the next page begins or None), the newest first.

    before: the `first` post of a cluster; those with a smaller number are asked for. Three queries, each an index scan
    over LOOKED_AT clusters. A page may be empty and have a next one, if all of its clusters are settled.
    """
    found = TextTwin.objects.filter(is_first=True)
    if before is not None:
        found = found.filter(twin__lt=before)
    firsts = list(found.order_by("-twin").values_list("twin", flat=True).distinct()[: LOOKED_AT + 1])
    shown = firsts[:LOOKED_AT]
    repeats = _repeats(shown)
    posts = _posts().in_bulk({*shown, *(pk for ones in repeats.values() for pk, _ in ones)})
    made = [_cluster(posts, first, repeats[first]) for first in shown]
    return [cluster for cluster in made if cluster is not None], shown[-1] if len(firsts) > LOOKED_AT else None


def _repeats(firsts: list[int]) -> dict[int, list[tuple[int, float]]]:
    """Return {first: [(post, similarity)]}, of each at most one more than MEMBERS."""
    place = Window(RowNumber(), partition_by=F("twin"), order_by=F("post").asc())
    rows = TextTwin.objects.filter(is_first=True, twin__in=firsts).annotate(place=place).filter(place__lte=MEMBERS + 1)
    repeats: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for first, post, similarity in rows.order_by("twin", "post").values_list("twin", "post", "similarity"):
        repeats[first].append((post, similarity))
    return repeats


def _posts() -> QuerySet[Post]:
    columns = "title slug source_id withdrawn_at awaits_review first_batch_id created_at live_revision_id".split()
    return Post.objects.select_related("head_revision").only(
        *columns, "head_revision__status", "head_revision__version", "head_revision__created_at"
    )


def _cluster(posts: dict[int, Post], first: int, found: list[tuple[int, float]]) -> Cluster | None:
    """Return the Cluster without settled posts; None if fewer than two are left."""
    left = [Member(posts[pk], similarity) for pk, similarity in found if not is_settled(posts[pk])]
    if len(left) + (not is_settled(posts[first])) < 2:
        return None
    return Cluster(posts[first], left[:MEMBERS], max(0, len(left) - MEMBERS))
