"""The page Roles: what each group may do in words, and who belongs to it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode

from posts.admin.pages import AdminPage
from posts.admin.rights import used_rights, words_of_rights
from posts.admin.trail import dashboard_trail
from posts.models.review_limit import ReviewLimit, limits_from

# A group with more people than this leads to the list of accounts.
PEOPLE_SHOWN = 20


@dataclass(frozen=True)
class Member:
    """A person of a group. limits: what they decide about alone, in words; "" for any post."""

    user: User
    limits: str


@dataclass(frozen=True)
class Role:
    """A group as the page shows it.

    rights: [(heading, what its people may do, in words)]. people: some of its accounts that can sign in, by name.
    count: how many there are. address: of the list with all of them.
    """

    name: str
    rights: list[tuple[str, list[str]]]
    is_mine: bool
    people: list[Member]
    count: int
    address: str

    @property
    def more(self) -> int:
        """How many people the page does not name."""
        return self.count - len(self.people)


def roles_for(person: User) -> list[Role]:
    """Return every group as a Role, by name. The people are left out for those who may not see accounts."""
    groups = Group.objects.order_by("name").prefetch_related("permissions")
    mine = set(person.groups.values_list("pk", flat=True))
    people = _people_of_groups() if person.has_perm("auth.view_user") else {}
    counts = dict(_memberships().values_list("group").annotate(count=Count("pk"))) if people else {}
    accounts = reverse("admin:auth_user_changelist")
    return [
        Role(
            group.name,
            [
                (heading, [words for _, words in rights])
                for heading, rights in words_of_rights(used_rights(group.permissions.all())).items()
            ],
            group.pk in mine,
            people.get(group.pk, []),
            counts.get(group.pk, 0),
            f"{accounts}?{urlencode({'groups__id__exact': group.pk})}",
        )
        for group in groups
    ]


def _memberships() -> QuerySet[Any]:
    return User.groups.through.objects.filter(user__is_active=True)


def _people_of_groups() -> dict[int, list[Member]]:
    """Return {primary key of a group: its first accounts by name}, in three queries."""
    by_name = Window(RowNumber(), partition_by=F("group_id"), order_by=F("user__username").asc())
    first = _memberships().alias(place=by_name).filter(place__lte=PEOPLE_SHOWN).values_list("group_id", "user_id")
    members = list(first)
    users = User.objects.in_bulk({user for _, user in members})
    rows = defaultdict[int, list[ReviewLimit]](list)
    for row in ReviewLimit.objects.filter(user__in=[pk for pk, user in users.items() if not user.is_superuser]):
        rows[row.user_id].append(row)
    found: dict[int, list[Member]] = {}
    for group, user in members:
        found.setdefault(group, []).append(Member(users[user], limits_from(rows[user]).words))
    for people in found.values():
        people.sort(key=lambda member: member.user.username)
    return found


class RolesPage(AdminPage):
    """What the groups may do. Everybody who uses the admin may know that; who is in them is for fewer."""

    permissions = ()
    template = "roles"
    title = "Roles"

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        sees_people = self.person.has_perm("auth.view_user")
        superusers = User.objects.filter(is_superuser=True, is_active=True).order_by("username")
        return self.render(
            status=status,
            trail=dashboard_trail(self.title),
            roles=roles_for(self.person),
            sees_people=sees_people,
            superusers=superusers[:PEOPLE_SHOWN] if sees_people else [],
            may_change=self.person.has_perm("auth.change_group"),
        )


PAGES = [("roles/", RolesPage, "roles")]
