"""Refusals: what an operation raises, in words that tell a person what to do."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from posts.models import Post
from posts.models.review_limit import outside_words
from posts.models.second_factor import waits_for_second_factor

SHORT_WORDS = 500


LONG_WORDS = 10_000
# Rights that are used by releasing and administering alone. Approving is one use of another right, and asks itself.
WAITING_RIGHTS = frozenset(
    {"release_post", "change_reviewguideline", "change_stylerule", "manage_generators", "run_job"}
)


class Refused(Exception):
    """The operation would break a rule. `obstacles` names all the reasons, not only the first."""

    def __init__(self, *obstacles: str) -> None:
        self.obstacles = obstacles
        super().__init__(" ".join(obstacles))


class HeadMoved(Refused):
    """Somebody saved a newer text meanwhile; `post` is the post as it is now."""

    def __init__(self, post: Post) -> None:
        self.post = post
        super().__init__(f"{post.head_revision.version} was saved in the meantime. Read it first. Nothing was changed.")


class PageMoved(Refused):
    """What readers see changed meanwhile, so that the action would do something else than its form said."""

    def __init__(self, post: Post) -> None:
        self.post = post
        seen = f"see {post.released_revision.version}" if post.is_live else "see no released text"
        super().__init__(f"Readers now {seen}. Check again. Nothing was changed.")


class GuidelineMoved(Refused):
    """The review guideline has a newer version. added: the required points of it that the person has not seen.

    saved: the person changes the guideline itself, and another person saved it first.
    """

    def __init__(self, added: Sequence[str] = (), *, saved: bool = False, obstacles: Sequence[str] = ()) -> None:
        if saved:
            words = "Another person has saved a newer version. Compare it with yours, then save again."
        elif added:
            words = f"The review guideline has changed. Answer its new points: {' '.join(added)}"
        else:
            words = "The review guideline has changed since you opened this form. Check your answers again."
        self.added = added
        super().__init__(words, *obstacles)


class SecondFactorMissing(Refused):
    """The person has the right, but has to set up a second factor first."""

    WORDS = "Set up a second factor under “Your account” before you approve, release or administer."

    def __init__(self) -> None:
        super().__init__(self.WORDS)


class OutsideLimits(Refused):
    """The person decides about posts of some stacks or generators alone, and this is none of them."""


class NotAllowed(PermissionDenied):
    """The person may not do that."""


def require(by: User | None, permission: str) -> None:
    """Raise NotAllowed unless `by` has `posts.<permission>`; None is a program that an operator started."""
    if by is not None and not by.has_perm(f"posts.{permission}"):
        raise NotAllowed(f"Your account does not have the right “{permission}”.")
    if permission in WAITING_RIGHTS:
        require_second_factor(by)


def require_second_factor(by: User | None) -> None:
    """Raise SecondFactorMissing if the person has to set up a second factor before they approve or administer."""
    if waits_for_second_factor(by):
        raise SecondFactorMissing


def require_within_limits(by: User | None, post: Post) -> None:
    """Raise OutsideLimits if the person decides about other posts alone. A program has no limits."""
    if words := outside_words(by, post):
        raise OutsideLimits(words)


def require_superuser(by: User | None) -> None:
    """Raise NotAllowed unless `by` is a superuser or None: a command, which only an operator can start."""
    if by is not None and not (by.is_active and by.is_superuser):
        raise NotAllowed("Only a superuser may do that.")
    require_second_factor(by)


def require_person(by: User | None, permission: str) -> None:
    """Raise NotAllowed like require(), and also for a program: a person has to be responsible."""
    if by is None:
        raise NotAllowed("Only a person may do that. Name the person.")
    require(by, permission)


def checked_words(text: str, *, name: str, limit: int = SHORT_WORDS) -> str:
    """Return `text` without surrounding white space; Refused if it can't be stored or exceeds `limit` characters.

    Raw form fields and command arguments come through here, so that both engines give the same answer.
    """
    text = text.strip()
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(f"{name} contains characters that can't be stored. Type it again.")
    if len(text) > limit:
        raise Refused(f"{name} can have at most {limit:,} characters; this has {len(text):,}.")
    return text
