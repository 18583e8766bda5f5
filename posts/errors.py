"""Refusals: what an operation raises, in words that a person can act on."""

from django.core.exceptions import PermissionDenied

SHORT_WORDS = 500


LONG_WORDS = 10_000


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


class PageMoved(Refused):
    """What readers see changed meanwhile, so that the act would do something else than its form said."""

    def __init__(self, post):
        self.post = post
        seen = f"see {post.live_revision.version}" if post.is_live else "see no released text"
        super().__init__(f"Readers {seen} meanwhile. Look again; nothing was changed.")


class NotAllowed(PermissionDenied):
    """This person may not do that."""


def require(by, permission):
    """Raise NotAllowed unless `by` has `posts.<permission>`; None is a program that an operator started."""
    if by is not None and not by.has_perm(f"posts.{permission}"):
        raise NotAllowed(f"Your account lacks the right “{permission}”.")


def require_person(by, permission):
    """As `require`, and a program may not do it either: somebody has to answer for it."""
    if by is None:
        raise NotAllowed("Only a person may do that, and it has to be said who.")
    require(by, permission)


def checked_words(text, *, name, limit=SHORT_WORDS):
    """`text` without white space around it; Refused when no database could keep it or it is over `limit` characters.

    Raw fields of a form and arguments of a command come through here, and both engines must say the same.
    """
    text = text.strip()
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(f"{name} holds characters that can't be kept. Type it anew.")
    if len(text) > limit:
        raise Refused(f"{name} takes at most {limit:,} characters; this is {len(text):,}.")
    return text
