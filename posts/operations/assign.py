from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet

from posts.errors import Refused, require_person, require_within_limits
from posts.models import Notification, Post, QueueEntry
from posts.models.review_limit import limits_of, outside_words
from posts.notifications import tell
from posts.operations.claim import pending_entry
from posts.operations.frame import operation


def reviewers() -> QuerySet[User]:
    """Return the accounts to which a post can be assigned: those that may decide, by name."""
    people = get_user_model().objects.with_perm(
        "posts.review_post", backend="django.contrib.auth.backends.ModelBackend"
    )
    return people.order_by("username")


@operation
def assign_post(post: Post, *, to: User | None, by: User) -> QueueEntry:
    """Assign a pending post to `to` (None: nobody); return its QueueEntry. The audit trail records it."""
    require_person(by, "review_post")
    with pending_entry(post, by=by) as (change, entry):
        require_within_limits(by, change.post)
        if to is not None and not (to.is_active and to.has_perm("posts.review_post")):
            raise Refused(f"{to} may not decide about posts. Choose a reviewer.")
        if to is not None and outside_words(to, change.post):
            raise Refused(f"{to} decides about posts of {limits_of(to).words} alone. Choose another reviewer.")
        if entry.assigned_to_id == (to.pk if to else None):
            return entry
        entry.assigned_to = to
        entry.save(update_fields=["assigned_to"])
        action, detail = ("assigned", f"to {to}") if to else ("assigned to nobody", "")
        change.note(action, revision=entry.post.head_revision, detail=detail)
        if to is not None:
            text = f"{by} assigned “{entry.post.title}” to you for review"
            tell(Notification.Kind.ASSIGNED, [to], text=text, by=by, post=entry.post)
        return entry
