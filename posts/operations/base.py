"""How an operation says no, in words that a person can act on."""

from posts.db.change_log import note_changes, post_key
from posts.models import Post


def locked(post):
    """`post` read again under lock: what happened since its page was opened must count.

    Whoever takes the lock is about to change the post, so this is where its pages are noted as changed.
    """
    note_changes([post_key(post.pk)])
    return Post.objects.select_for_update().get(pk=post.pk)
