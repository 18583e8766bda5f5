"""Accounts and groups: Django's own pages with lists and forms in the words of this site."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, Permission, User
from django.db.models import CASCADE, PROTECT, Count, ManyToOneRel, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posts.accounts.review_limits import limit_problem, set_review_limits
from posts.admin.lists import PlainTitles, badge
from posts.admin.people import person_of
from posts.admin.rights import GroupsField, RightsField, with_unseen
from posts.models import ReviewLimit
from posts.models.review_limit import limits_from, limits_of
from posts.models.second_factor import waits_for_second_factor
from posts.review_queue.counts import FEW_COUNTED, capped_counts, short_count

admin.site.unregister([User, Group])


class NamesField(forms.CharField):
    """Several names, one a line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}), **options)

    def prepare_value(self, value: Any) -> Any:
        """Return the names as the text of the field."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the names, each once."""
        lines = super().clean(value).splitlines()
        return sorted({" ".join(line.split()) for line in lines} - {""})


class AccountForm(UserChangeForm):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """An account: who it is, and what the person may do."""

    groups = GroupsField(label="Groups", help_text="The person can do what any of these groups can do.")
    user_permissions = RightsField(label="Rights", help_text="In addition to those of the groups.")
    review_stacks = NamesField(
        label="Stacks",
        help_text="One a line. Every stack of a post must be among them. Empty: posts of any stack.",
    )
    review_generators = NamesField(label="Generators", help_text="One a line. Empty: posts of any generator.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            limits = limits_from(self.instance.review_limits.all())
            self.initial["review_stacks"] = sorted(limits.stacks, key=str.casefold)
            self.initial["review_generators"] = sorted(limits.generators, key=str.casefold)
        words = {
            "is_active": ("Can sign in", "Untick this instead of deleting the account."),
            "is_staff": ("Can use the admin", "Everybody who writes, reviews or imports needs this."),
            "is_superuser": ("Superuser", "Can do everything, whatever the groups allow."),
        }
        for name, (label, help_text) in words.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = label, help_text

    def clean(self) -> Any:
        """Refuse limits that can't be stored."""
        data = super().clean()
        names = self.cleaned_data
        for field, kind in LIMIT_FIELDS.items():
            if problem := limit_problem(kind, names.get(field, ())):
                self.add_error(field, problem)
        return data

    def clean_user_permissions(self) -> list[Permission]:
        """Keep the rights that the form does not show."""
        return with_unseen(
            self.cleaned_data["user_permissions"], self.instance.user_permissions.all() if self.instance.pk else None
        )


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """A group: its name, and what its people may do."""

    permissions = RightsField(label="People in this group can")

    def clean_permissions(self) -> list[Permission]:
        """Keep the rights that the form does not show."""
        held = self.instance.permissions.all() if self.instance.pk else None
        return with_unseen(self.cleaned_data["permissions"], held)


LIMIT_FIELDS = {"review_stacks": ReviewLimit.Kind.STACK, "review_generators": ReviewLimit.Kind.GENERATOR}
# What an account is for: words, and the accounts.
ACCESS: dict[str, tuple[str, dict[str, bool]]] = {
    "admin": ("uses the admin", {"is_active": True, "is_staff": True}),
    "none": ("no access to the admin", {"is_active": True, "is_staff": False}),
    "out": ("can’t sign in", {"is_active": False}),
    "superuser": ("superuser", {"is_active": True, "is_superuser": True}),
}


class _Account(PlainTitles):
    """What the lists of accounts and groups share."""

    filter_horizontal: ClassVar[Any] = ()
    sortable_by: ClassVar[Any] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may add one, and has the second factor that this takes."""
        return super().has_add_permission(request) and not waits_for_second_factor(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may change one, and has the second factor that this takes."""
        return super().has_change_permission(request, obj) and not waits_for_second_factor(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may delete one, and has the second factor that this takes."""
        return super().has_delete_permission(request, obj) and not waits_for_second_factor(request.user)

    show_facets = admin.ShowFacets.NEVER


class AccessFilter(admin.SimpleListFilter):
    """Filters by what the column "State" says, in its words."""

    title = "state"
    parameter_name = "access"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in ACCESS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**ACCESS[value][1]) if (value := self.value() or "") in ACCESS else queryset


@admin.register(User)
class UsersAdmin(_Account, UserAdmin):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Shows the two timestamps as text. The site writes them; as fields they are pairs of unlabelled inputs."""

    form = AccountForm
    list_display = ("username", "full_name", "email", "its_groups", "state", "last_login")
    list_filter = ("groups", AccessFilter)
    search_help_text = "Enter a part of the name or the e-mail address"
    readonly_fields = ("last_login", "date_joined", "personal_data")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("What the person can do", {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (
            "Decides about some posts only",
            {
                "fields": ("review_stacks", "review_generators"),
                "description": "Limits what a reviewer may decide, claim and release. A superuser has no limits.",
            },
        ),
        ("More rights", {"fields": ("user_permissions",), "classes": ("collapse",)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups and rights, and the limits of a reviewer."""
        super().save_related(request, form, formsets, change)
        names = form.cleaned_data
        if "review_stacks" in names:
            set_review_limits(
                form.instance,
                stacks=names["review_stacks"],
                generators=names["review_generators"],
                by=person_of(request),
            )

    @admin.display(description="Stacks")
    def review_stacks(self, user: User) -> str:
        """Show the limits to people who may see accounts alone."""
        return ", ".join(sorted(limits_of(user).stacks)) or "any"

    @admin.display(description="Generators")
    def review_generators(self, user: User) -> str:
        """Show the limits to people who may see accounts alone."""
        return ", ".join(sorted(limits_of(user).generators)) or "any"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add, for superusers, the ways to take along and to erase what an account left."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not request.user.is_superuser:
            return fieldsets
        return [*fieldsets, ("Data protection", {"fields": ("personal_data",)})]

    @admin.display(description="What the account left")
    def personal_data(self, user: User) -> SafeString:
        return format_html(
            '<a href="{}">Download it</a> · <a href="{}">Erase the account</a>',
            reverse("admin:auth_user_data", args=[user.pk]),
            reverse("admin:auth_user_erase", args=[user.pk]),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return accounts with their groups, which the list names."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="Name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @admin.display(description="Groups")
    def its_groups(self, user: User) -> str:
        names = ["Superuser"] if user.is_superuser else []
        return ", ".join([*names, *sorted(group.name for group in user.groups.all())]) or "–"

    @admin.display(description="State")
    def state(self, user: User) -> SafeString:
        if not user.is_active:
            return badge("refused", "can’t sign in")
        return badge("done", "uses the admin") if user.is_staff else badge("waiting", "no access to the admin")

    def get_deleted_objects(  # type: ignore[override]  # capped counts are text: 1,000+
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, str], set[str], list[str]]:
        """Return what goes with accounts, and what keeps them, as counts.

        Django would read every row that names an account, and a person may have a million revisions.
        """
        accounts = list(objs)
        goes, keeps = self._counts(accounts, CASCADE), self._counts(accounts, PROTECT)
        return [str(account) for account in accounts], goes, set(), [f"{count} {name}" for name, count in keeps.items()]

    def _counts(self, accounts: list[User], on_delete: Any) -> dict[str, str]:
        """Return {name of a kind of rows: short count} of the rows that name accounts with such a rule."""
        named = [
            relation
            for relation in User._meta.get_fields(include_hidden=True)
            if isinstance(relation, ManyToOneRel) and relation.on_delete is on_delete
        ]
        rows = [row.related_model._base_manager.filter(**{f"{row.field.name}__in": accounts}) for row in named]
        counts = zip(named, capped_counts(rows, limit=FEW_COUNTED), strict=True)
        return {
            str(row.related_model._meta.verbose_name_plural): short_count(count, limit=FEW_COUNTED)
            for row, count in counts
            if count
        }


@admin.register(Group)
class GroupsAdmin(_Account, GroupAdmin):
    """Groups, with the number of their people."""

    form = GroupForm
    fields = ("name", "permissions")
    list_display = ("name", "people")
    search_help_text = "Enter a part of the name"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return groups with the number of their people."""
        groups: QuerySet[Group] = super().get_queryset(request)
        return groups.annotate(people_count=Count("user"))

    @admin.display(description="People")
    def people(self, group: Any) -> int:
        return int(group.people_count)
