"""Accounts and groups: Django's own pages, without the widgets that only some people can use."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.forms import CheckboxSelectMultiple

admin.site.unregister([User, Group])


class _Ticked:
    """Groups and rights are ticked one by one: the boxes that they move between speak to nobody who doesn't see them,
    and in a list of many a click without the right key lets go of all."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field, request=None, **options):
        return super().formfield_for_manytomany(db_field, request, widget=CheckboxSelectMultiple, **options)

    def formfield_for_dbfield(self, db_field, request, **options):
        field = super().formfield_for_dbfield(db_field, request, **options)
        if db_field.many_to_many:
            # Its window puts what it made into lists and lines alone.
            field.widget.can_add_related = False
        return field


@admin.register(User)
class UsersAdmin(_Ticked, UserAdmin):
    """The two moments are facts that the site writes down; as fields they are pairs of which neither has a name."""

    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class GroupsAdmin(_Ticked, GroupAdmin):
    """Rights of a group, ticked as those of an account."""
