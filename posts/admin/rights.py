"""The rights of groups and accounts in words, by what people do with them."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from django.forms.models import ModelChoiceIterator

# {heading: {codename: words}}; all codenames are of this app but those of ACCOUNTS.
POSTS: dict[str, dict[str, str]] = {
    "Write": {
        "add_post": "Write new posts",
        "change_post": "Edit posts, their images and checklist items",
        "submit_post": "Submit posts for review",
        "restore_post": "Restore earlier revisions",
    },
    "Review and release": {
        "review_post": "Decide about posts",
        "release_post": "Release and roll back posts",
        "withdraw_post": "Withdraw posts",
        "flag_post": "Flag posts and clear flags",
        "change_slug": "Change addresses of posts",
        "change_reviewguideline": "Change the review guideline",
        "change_stylerule": "Change the house style",
    },
    "Import and operate": {
        "import_posts": "Import posts and roll imports back",
        "export_posts": "Export posts and see sign-ins in the audit trail",
        "manage_generators": "Change generators and their tokens",
        "run_job": "Start background jobs",
    },
    "See": {
        "view_post": "Posts, the review queue and previews",
        "view_revision": "Revisions and comparisons",
        "view_imagesource": "Images",
        "view_checklistitem": "Checklist items",
        "view_linkaddress": "Links",
        "view_review": "Decisions",
        "view_reviewguideline": "Review guideline",
        "view_stylerule": "House style",
        "view_reviewflag": "Flags",
        "view_readerreport": "Reports by readers",
        "view_release": "Releases",
        "view_scheduledrelease": "Planned releases",
        "view_auditentry": "Audit trail",
        "view_formerslug": "Former addresses",
        "view_importbatch": "Imports",
        "view_importissue": "Rows of imports",
        "view_generator": "Generators",
        "view_apitoken": "Tokens of the API",
        "view_job": "Jobs",
        "view_jobrun": "Runs of jobs",
        "view_outgoingmessage": "Outgoing messages",
    },
}
ACCOUNTS = {
    "view_user": "See accounts",
    "add_user": "Add accounts",
    "change_user": "Change accounts, also their rights",
    "delete_user": "Delete accounts",
    "view_group": "See groups",
    "add_group": "Add groups",
    "change_group": "Change groups and their rights",
    "delete_group": "Delete groups",
}
# No page asks for these. Who has them keeps them.
UNUSED = [f"{verb}_{row}" for verb in ("add", "change", "delete") for row in ("imagesource", "checklistitem")]
UNUSED += ["delete_post", "view_history", "view_term"]


def shown_rights() -> QuerySet[Permission]:
    """Return the permissions that the forms show: what some page or operation asks for."""
    of_posts = Q(content_type__app_label="posts") & ~Q(codename__in=UNUSED)
    of_accounts = Q(content_type__app_label="auth", codename__in=ACCOUNTS)
    return Permission.objects.filter(of_posts | of_accounts)


def used_rights(permissions: Iterable[Permission]) -> list[Permission]:
    """Return those of `permissions` that give a person something. What this app does not know stays among them."""
    return [permission for permission in permissions if permission.codename not in UNUSED]


def words_of_rights(permissions: Iterable[Permission]) -> dict[str, list[tuple[Permission, str]]]:
    """Return {heading: [(permission, words)]} in the order of the tables; new kinds of rights come last."""
    by_name = {permission.codename: permission for permission in permissions}
    found = {
        heading: [(by_name.pop(name), words) for name, words in rights.items() if name in by_name]
        for heading, rights in {**POSTS, "Accounts": ACCOUNTS}.items()
    }
    found["Other"] = [
        (permission, permission.name.removeprefix("Can ").capitalize()) for permission in by_name.values()
    ]
    return {heading: rights for heading, rights in found.items() if rights}


class _Rights(ModelChoiceIterator):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """The choices of RightsField: check boxes below headings."""

    def __iter__(self) -> Any:
        for heading, rights in words_of_rights(self.queryset.all()).items():
            # Not choice(), which names each permission, and each name asks for its content type.
            yield heading, [(self.field.prepare_value(permission), words) for permission, words in rights]


class RightsWidget(forms.CheckboxSelectMultiple):
    """Check boxes in a field set for each heading."""

    template_name = "forms/rights.html"


class RightsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """The rights that some page or operation asks for."""

    iterator = _Rights

    def __init__(self, **options: Any) -> None:
        super().__init__(shown_rights(), required=False, widget=RightsWidget, **options)


class GroupsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # Django's class can't be subscripted when it runs
    """Groups with what each may do."""

    def __init__(self, **options: Any) -> None:
        groups = Group.objects.order_by("name").prefetch_related("permissions")
        super().__init__(groups, required=False, widget=forms.CheckboxSelectMultiple, **options)

    def label_from_instance(self, group: Any) -> str:
        """Return the name of a group and what it may do beside seeing."""
        rights = words_of_rights(group.permissions.all())
        acts = [words for heading in POSTS if heading != "See" for _, words in rights.get(heading, ())]
        return f"{group}: {'; '.join(acts).lower()}" if acts else str(group)


def with_unseen(chosen: Iterable[Permission], held: QuerySet[Permission] | None) -> list[Permission]:
    """Return the chosen rights, and those of `held` that the form does not show."""
    unseen = held.exclude(pk__in=shown_rights().values("pk")) if held is not None else ()
    return [*chosen, *unseen]
