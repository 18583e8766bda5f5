"""The conditions for an indexable post, besides the switches of the site and of its imports.

Each condition is written once. Post.list_obstacles asks it of one post and PostQuerySet.listable() of rows.
"""

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F, Model, Q

from posts.models.review import Review
from posts.models.revision import Revision

if TYPE_CHECKING:
    from posts.models.post import Post


class IndexCondition(NamedTuple):
    """One condition. words: what closes the post if it is false.

    rule: lookups that must all be true, each of a value, an F or `isnull`.
    """

    words: str
    rule: Q

    def holds(self, post: "Post") -> bool:
        """Return whether it is true of a post. Asks no query if PostQuerySet.with_texts() read the post."""
        return all(_agrees(post, lookup, wanted) for lookup, wanted in self.rule.children)


def _agrees(post: "Post", lookup: str, wanted: object) -> bool:
    if lookup.endswith("__isnull"):
        return (_value_at(post, lookup.removesuffix("__isnull")) is None) == wanted
    return _value_at(post, lookup) == (_value_at(post, wanted.name) if isinstance(wanted, F) else wanted)


def _value_at(row: Model | None, path: str) -> object:
    """Return what stands at a path of a query; None behind a relation that leads nowhere."""
    *relations, column = path.split("__")
    for name in relations:
        row = None if row is None else getattr(row, name)
    return None if row is None else getattr(row, column)


# Of each group only the first false condition is named: without a live text its approval can't be missing.
INDEX_CONDITIONS = (
    (IndexCondition("withdrawn", Q(withdrawn_at__isnull=True)),),
    (
        IndexCondition("no approved text is released", Q(live_revision_id__isnull=False)),
        IndexCondition(
            "no approval stands for this text",
            Q(
                live_approval_id__isnull=False,
                live_approval__outcome=Review.Outcome.APPROVED,
                live_approval__revoked_at__isnull=True,
                live_approval__revision_id=F("live_revision_id"),
                live_approval__fingerprint=F("live_revision__fingerprint"),
                live_revision__status=Revision.Status.APPROVED,
            ),
        ),
        IndexCondition("approved in bulk only", Q(live_approval__is_bulk=False)),
    ),
    (IndexCondition("a flag is open", Q(needs_human_review=False)),),
    (IndexCondition("held", Q(held=False)),),
    (IndexCondition("its import was rolled back", Q(closed_until_decided=False)),),
)


def failing_conditions(post: "Post") -> list[str]:
    """Return why search engines are kept away from a post, in words; empty if every condition holds."""
    failing = (next((one for one in group if not one.holds(post)), None) for group in INDEX_CONDITIONS)
    return [condition.words for condition in failing if condition]


def index_rules() -> list[Q]:
    """Return all conditions as arguments of filter()."""
    return [condition.rule for group in INDEX_CONDITIONS for condition in group]
