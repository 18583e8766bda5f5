from django.contrib.auth.models import User

from posts.errors import Refused, require
from posts.models import Post
from posts.operations.frame import changing, operation
from posts.records.schema import MAX_INTEGER


@operation
def change_view_count(post: Post, count: int | None, *, by: User | None) -> Post:
    """Change the view count that the record of `post` claims (None: no count); return the post.

    It is outside the fingerprint, so it makes no revision. Readers of an approved text see it after the next approval.
    """
    require(by, "change_post")
    if count is not None and not 0 <= count <= MAX_INTEGER:
        raise Refused(f"Enter a whole number from 0 to {MAX_INTEGER:,}.")
    with changing(post, by=by, ranks=False) as change:
        before = change.post.view_count
        if count != before:
            change.post.view_count = count
            words = ["none" if number is None else f"{number:,}" for number in (before, count)]
            change.note("view count changed", revision=change.post.head_revision, detail=" → ".join(words))
        return change.post
