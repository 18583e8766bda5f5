"""The address of a page of each type of the admin, for tests and measurements that visit all of them."""

from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Model
from django.urls import URLPattern, reverse

from posts.models import BulkRun, Post, QueueEntry, Revision, Score
from posts.operations import begin_bulk

# Pages for people who are not signed in, files for programs, and redirects.
LEFT_OUT = (
    "login",
    "logout",
    "jsi18n",
    "autocomplete",
    "view_on_site",
    "review_start",
    "second_factor",
    "sign_on",
    "sign_on_back",
    "account_data",
    "auth_user_data",
)


def every_admin_page(by: User) -> dict[str, str]:
    """Return {name: address} of the pages of which the database holds an example. Some answer only to POST.

    by: a superuser, who begins a bulk action if there is none.
    """
    post = _busiest_post()
    pages = {}
    for pattern in admin.site.get_urls():
        for one in [pattern] if isinstance(pattern, URLPattern) else pattern.url_patterns:
            if one.name is None or one.name in LEFT_OUT:
                continue
            arguments = _arguments(one.name, set(one.pattern.regex.groupindex), post, by)
            if arguments is not None:
                pages[one.name] = reverse(f"admin:{one.name}", kwargs=arguments)
    numbers = list(post.revisions.order_by("number").values_list("number", flat=True))
    pages["review_sides"] += f"?{urlencode({'old': numbers[0], 'new': numbers[-1]})}"
    if card := Score.objects.filter(kind=Score.Kind.GENERATOR).order_by("-came_in", "name").first():
        pages["scorecards_card"] += f"?{urlencode({'by': 'generator', 'key': card.name})}"
    else:
        del pages["scorecards_card"]
    return pages


def _busiest_post() -> Post:
    """Return the pending post with the most revisions, which makes the longest pages."""
    return Post.objects.filter(queue_entry__isnull=False).alias(texts=Count("revisions")).order_by("-texts", "pk")[0]


def _arguments(name: str, wanted: set[str], post: Post, by: User) -> dict[str, object] | None:
    """Return what an address needs to be about the post, its newest revision or any row; None without an example."""
    if not wanted:
        return {}
    if wanted == {"app_label"}:
        return {"app_label": "posts"}
    if wanted == {"run_id"}:
        run = BulkRun.objects.first() or begin_bulk("approve", by=by, entries=QueueEntry.objects.all())
        return {"run_id": run.pk}
    if wanted <= {"object_id", "pk", "post_id", "revision_id", "id"}:
        (argument,) = wanted
        row = {"post_id": post, "revision_id": post.head_revision}.get(argument) or _row(name, post)
        return {argument: row.pk} if row else None
    return None


def _row(name: str, post: Post) -> Model | None:
    """Return the row for a page of a model: posts_release_change is about a release."""
    label, model_name = name.split("_")[:2]
    model = apps.get_model(label, model_name)
    mine: dict[type[Model], Model] = {Post: post, Revision: post.head_revision}
    return mine.get(model) or model._default_manager.order_by("pk").first()
