"""Who is behind a session or a password (settings.AUTHENTICATION_BACKENDS)."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet

from posts.db.prepared_query import prepared
from posts.models import ReviewLimit
from posts.models.second_factor import state_of_account


@prepared(pk=int)
def _accounts(pk: int) -> QuerySet[User]:
    limits = ReviewLimit.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(pk=pk).select_related("account_state").annotate(has_review_limits=Exists(limits))


class AccountBackend(ModelBackend):
    """Django's backend, which refuses the demo's accounts unless DEBUG is on, also in open sessions."""

    def get_user(self, user_id: int) -> User | None:
        """Return the account of a session, with its AccountState and whether it has limits, in the same query."""
        user: User | None = _accounts.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Return whether the account may sign in."""
        if not super().user_can_authenticate(user):
            return False
        state = None if settings.DEBUG else state_of_account(user)
        return not (state and state.is_demo)
