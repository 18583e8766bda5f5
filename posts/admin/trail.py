"""The trail above a page of the admin: the pages that lead to it, then its own name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import quote
from django.utils.text import capfirst

from posts.models import Post
from posts.reverse import address


@dataclass(frozen=True)
class Step:
    """A page of the trail. href: its address; "" for the page that is open."""

    label: str
    href: str = ""


def step(label: str, name: str, *arguments: object) -> Step:
    """Return the step to the page of the admin with this name."""
    return Step(label, address(f"admin:{name}", *arguments))


def dashboard_trail(title: str) -> list[Step]:
    """Return the trail of a page that belongs to no list."""
    return [step("Dashboard", "index"), Step(title)]


def posts_trail(title: str) -> list[Step]:
    """Return the trail of a page that belongs to the list of posts."""
    return [step("Posts", "posts_post_changelist"), Step(title)]


def post_trail(post: Post, name: str) -> list[Step]:
    """Return the trail of a page about one post. name: of the page."""
    return [
        step("Posts", "posts_post_changelist"),
        step(post.title, "posts_post_change", post.pk),
        Step(name),
    ]


def queue_trail(title: str, *between: Step) -> list[Step]:
    """Return the trail of a page that belongs to the review queue. between: the pages between the queue and it."""
    return [step("Review queue", "queue"), *between, Step(title)]


def trail_of(context: Mapping[str, Any]) -> Sequence[Step]:
    """Return what a page gives as `trail`; for the pages of Django's own views, what they are about.

    Lists have no trail: the navigation shows where they are.
    """
    given: Sequence[Step] | None = context.get("trail")
    if given is not None:
        return given
    title, opts = str(context.get("title") or ""), context.get("opts")
    if not title or "cl" in context or context.get("is_popup"):
        return []
    if opts is None:
        return dashboard_trail(title)
    name = f"{opts.app_label}_{opts.model_name}"
    of_list = str(context.get("list_title") or capfirst(opts.verbose_name_plural))
    steps = [step("Dashboard", "index"), step(of_list, f"{name}_changelist")]
    row = context.get("original") or context.get("object")
    if row is None:
        return [*steps, Step(title)]
    if context.get("has_file_field") is not None:
        # The page of the row itself: only the view of a form has this key.
        return [*steps, Step(str(row))]
    return [*steps, step(str(row), f"{name}_change", quote(row.pk)), Step(title)]
