"""How an operation says no, in words that a person can act on."""

from django.core.exceptions import PermissionDenied

from posts.models import Post


class Refused(Exception):
    """The operation would break a rule. `obstacles` names all that stand in the way, not only the first."""

    def __init__(self, *obstacles):
        self.obstacles = obstacles
        super().__init__(" ".join(obstacles))


class HeadMoved(Refused):
    """Somebody saved a newer text meanwhile; `post` is the post as it is now."""

    def __init__(self, post):
        self.post = post
        super().__init__(f"{post.head_revision.version} was saved meanwhile. Read it first; nothing was changed.")


class NotAllowed(PermissionDenied):
    """This person may not do that."""


def require(by, permission):
    """Raise NotAllowed unless `by` has `posts.<permission>`; None is a program that an operator started."""
    if by is not None and not by.has_perm(f"posts.{permission}"):
        raise NotAllowed(f"Your account lacks the right “{permission}”.")


def locked(post):
    """`post` read again under lock: what happened since its page was opened must count."""
    return Post.objects.select_for_update().get(pk=post.pk)
