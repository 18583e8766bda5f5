"""The conditions for an indexable post, besides the switches of the site and of its imports.

Each condition is written once. Post.list_obstacles asks it of one post and PostQuerySet.listable() of rows.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from django.db.models import F, Q

from posts.models.review import Review
from posts.models.revision import Revision

if TYPE_CHECKING:
    from posts.models.post import Post


class IndexCondition:
    """One condition. words: what closes the post if it is false. must: lookups of a value, an F or `isnull`, all true.

    A post is asked for them in this order. A lookup behind a relation comes after one that says that the relation is
    there.
    """

    def __init__(self, words: str, **must: object) -> None:
        self.words = words
        self.rule = Q(**must)
        self._checks = [_check_of(lookup, wanted) for lookup, wanted in must.items()]

    def holds(self, post: "Post") -> bool:
        """Return whether it is true of a post. Asks no query if PostQuerySet.with_texts() read the post."""
        return all(check(post) for check in self._checks)


def _check_of(lookup: str, wanted: object) -> "Callable[[Post], bool]":
    value_of = _value_at(lookup.removesuffix("__isnull"))
    if lookup.endswith("__isnull"):
        return lambda post: (value_of(post) is None) == wanted
    if isinstance(wanted, F):
        other_of = _value_at(wanted.name)  # type: ignore[attr-defined]  # not in the stubs
        return lambda post: value_of(post) == other_of(post)
    return lambda post: value_of(post) == wanted


def _value_at(path: str) -> "Callable[[Post], object]":
    return attrgetter(path.replace("__", "."))


# Of each group only the first false condition is named: without a live text its approval can't be missing.
INDEX_CONDITIONS = (
    (IndexCondition("withdrawn", withdrawn_at__isnull=True),),
    (
        IndexCondition("no approved revision is released", live_revision_id__isnull=False),
        IndexCondition(
            "the live revision has no valid approval",
            live_approval_id__isnull=False,
            live_approval__outcome=Review.Outcome.APPROVED,
            live_approval__revoked_at__isnull=True,
            live_approval__revision_id=F("live_revision_id"),
            live_approval__fingerprint=F("live_revision__fingerprint"),
            live_revision__status=Revision.Status.APPROVED,
        ),
        IndexCondition("approved in bulk only", live_approval__is_bulk=False),
    ),
    (IndexCondition("a flag is open", needs_human_review=False),),
    (IndexCondition("held", held=False),),
    (IndexCondition("its import was rolled back", closed_until_decided=False),),
)


def failing_conditions(post: "Post") -> list[str]:
    """Return why search engines are kept away from a post, in words; empty if every condition holds."""
    failing = (next((one for one in group if not one.holds(post)), None) for group in INDEX_CONDITIONS)
    return [condition.words for condition in failing if condition]


def index_rules() -> list[Q]:
    """Return all conditions as arguments of filter()."""
    return [condition.rule for group in INDEX_CONDITIONS for condition in group]
