"""How an operation says no, in words that a person can act on."""

from posts.db.change_log import note_changes, post_key
from posts.models import Post


def locked(post):
    """Return `post` read again under lock, so that changes since its page was opened count.

    The caller is about to change the post, so this also notes in the change log that its pages change.
    """
    note_changes([post_key(post.pk)])
    return Post.objects.select_for_update().get(pk=post.pk)
