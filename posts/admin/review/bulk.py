"""Approval of many texts at once: a preview of each outcome, then the outcomes. Makes nothing indexable."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from posts.admin.people import person_of
from posts.admin.trail import posts_trail
from posts.models import Post, Review
from posts.models.post import PostQuerySet
from posts.operations import Decision, approval_obstacles, decide_many
from posts.operations.review import without_individual_review

MOST_AT_ONCE = 200


def approve_selected(model_admin: ModelAdmin[Any], request: HttpRequest, queryset: PostQuerySet) -> HttpResponse | None:
    """Show the page that names every row with its text and its refusals, then decide about those texts.

    The fingerprints are in the form, so that what is approved is what was shown.
    """
    if "decide" in request.POST:
        return _decided(model_admin, request)
    posts = list(queryset.with_texts().order_by("pk")[: MOST_AT_ONCE + 1])
    if len(posts) > MOST_AT_ONCE:
        model_admin.message_user(request, f"Select at most {MOST_AT_ONCE} posts at once.", messages.WARNING)
        return None
    decision = Decision(Review.Outcome.APPROVED, is_bulk=True)
    rows = [(post, approval_obstacles(post, decision, by=person_of(request))) for post in posts]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Approve in bulk",
        "trail": posts_trail("Approve in bulk"),
        "rows": rows,
        "approved_count": (count := sum(not obstacles for _, obstacles in rows)),
        "confirms": without_individual_review(count),
        "refused_count": sum(bool(obstacles) for _, obstacles in rows),
    }
    return TemplateResponse(request, "admin/posts/release/bulk.html", context)


def _decided(model_admin: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    choices = []
    for choice in request.POST.getlist("choice")[:MOST_AT_ONCE]:
        pk, _, fingerprint = choice.partition(":")
        if pk.isdecimal() and len(pk) < 19:
            choices.append((int(pk), fingerprint))
    outcomes = decide_many(choices, by=person_of(request), outcome="approved")
    titles = dict(Post.objects.filter(pk__in=[pk for pk, _ in choices]).values_list("pk", "title"))
    for outcome in outcomes:
        if outcome.obstacles:
            words = f"{titles.get(outcome.post_id, outcome.post_id)}: {' '.join(outcome.obstacles)}"
            model_admin.message_user(request, words, messages.WARNING)
    count = sum(outcome.review is not None for outcome in outcomes)
    model_admin.message_user(request, without_individual_review(count) if count else "Nothing was approved.")
    return HttpResponseRedirect(reverse("admin:posts_post_changelist"))
