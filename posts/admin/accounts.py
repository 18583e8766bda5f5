"""Accounts and groups: Django's own pages, without the widgets that not everybody can use."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from posts.admin.lists import Mixin

admin.site.unregister([User, Group])


class _Ticked(Mixin):
    """Shows groups and permissions as check boxes.

    The default pair of boxes is unusable for screen readers, and a click without the right key loses the whole
    selection.
    """

    filter_horizontal: ClassVar[Any] = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, widget=CheckboxSelectMultiple, **options)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field and db_field.many_to_many:
            # The widget's window supports only lists and rows.
            field.widget.can_add_related = False
        return field


@admin.register(User)
class UsersAdmin(_Ticked, UserAdmin):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Shows the two timestamps as text. The site writes them; as fields they are pairs of unlabelled inputs."""

    readonly_fields = ("last_login", "date_joined")


@admin.register(Group)
class GroupsAdmin(_Ticked, GroupAdmin):  # type: ignore[misc]  # its stub names one more argument
    """Shows the permissions of a group as check boxes, like those of an account."""
