"""Which stacks and generators a reviewer decides about."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from posts.audit.log import note_audit
from posts.errors import NotAllowed, Refused, require_second_factor
from posts.models import ReviewLimit
from posts.models.review_limit import limits_from

# Of each kind; more than that is no limit any more.
MOST_NAMES = 50
NAME_LENGTH = {ReviewLimit.Kind.STACK: 100, ReviewLimit.Kind.GENERATOR: 200}


def limit_problem(kind: ReviewLimit.Kind, names: Sequence[str]) -> str:
    """Return in words why these names can't be the limits of a person; "" if they can."""
    if len(names) > MOST_NAMES:
        return f"A person can be limited to at most {MOST_NAMES} {kind}s."
    if any(len(name) > NAME_LENGTH[kind] or "\x00" in name for name in names):
        return f"The name of a {kind} can have at most {NAME_LENGTH[kind]} characters."
    return ""


def set_review_limits(user: User, *, stacks: Iterable[str], generators: Iterable[str], by: User) -> bool:
    """Limit a person to posts of these stacks and generators; with neither, end their limits. Return if it changed.

    It counts from the next thing that the person does. The audit trail records what the limits are now.
    """
    if not by.has_perm("auth.change_user"):
        raise NotAllowed("Your account does not have the right “change_user”.")
    require_second_factor(by)
    wanted = {(ReviewLimit.Kind.STACK.value, " ".join(name.split())) for name in stacks}
    wanted |= {(ReviewLimit.Kind.GENERATOR.value, " ".join(name.split())) for name in generators}
    wanted = {(kind, name) for kind, name in wanted if name}
    for kind in ReviewLimit.Kind:
        if problem := limit_problem(kind, [name for of, name in wanted if of == kind]):
            raise Refused(problem)
    with transaction.atomic():
        # Two people who save the same account at once wait for each other.
        locked = User.objects.select_for_update().get(pk=user.pk)
        standing = {(row.kind, row.name): row for row in ReviewLimit.objects.filter(user=locked)}
        if set(standing) == wanted:
            return False
        ReviewLimit.objects.filter(pk__in=[row.pk for key, row in standing.items() if key not in wanted]).delete()
        ReviewLimit.objects.bulk_create(
            ReviewLimit(user=locked, kind=kind, name=name) for kind, name in sorted(wanted - set(standing))
        )
        now = limits_from(ReviewLimit.objects.filter(user=locked)).words or "none"
        note_audit("review limits changed", by=by, detail=f"{locked}: {now}")
    for name in ("_review_limits", "has_review_limits"):
        user.__dict__.pop(name, None)
    return True
