"""Accounts and groups: Django's own pages, without the widgets that only some people can use."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

admin.site.unregister([User, Group])


@admin.register(User)
class AccountAdmin(UserAdmin):
    """The two moments are facts that the site writes down; as fields they are pairs of which neither has a name.

    The boxes that rights move between speak to nobody who doesn't see them: a plain list does.
    """

    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()


@admin.register(Group)
class GroupsAdmin(GroupAdmin):
    """Rights as a plain list, as on the page of an account."""

    filter_horizontal = ()
