"""What the list and the page of posts show of flags and the audit trail."""

import json
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posts.db.prepared_query import prepared
from posts.models import AuditEntry, Post, Release, ScheduledRelease

ENTRIES_SHOWN = 10


def last_entries(post: Post) -> list[AuditEntry]:
    """Return what `admin/posts/_audit.html` needs: the newest ENTRIES_SHOWN AuditEntries of `post`."""
    return list(post.audit_entries.select_related("made_by").order_by("-pk")[:ENTRIES_SHOWN])


def flag_button(post: Post) -> SafeString:
    """Return a button for a row of a list: it submits the form around it to the flag address, without script."""
    return format_html(
        '<button type="submit" formaction="{}" name="quick" value="1" aria-label="Flag {}">Flag</button>',
        reverse("admin:posts_post_flag", args=[post.pk]),
        post.title,
    )


def plans_of(post: Post) -> list[ScheduledRelease]:
    """Return what `admin/posts/release/_plans.html` needs: waiting plans, and refused ones without a later release."""
    # Both in their own order.
    return sorted(_plans.objects(post=post.pk), key=lambda plan: plan.state != "waiting")


@prepared(post=int)
def _plans(post: int) -> QuerySet[ScheduledRelease]:
    later = Release.objects.filter(post=OuterRef("post"), made_at__gte=OuterRef("settled_at"))
    plans = ScheduledRelease.objects.filter(post=post).select_related("revision").defer("revision__snapshot")
    return plans.filter(Q(state="waiting") | Q(~Exists(later), state="refused"))


def both_texts(post: Post, fingerprint: str) -> list[tuple[str, str, str]]:
    """Return [(field, read, proposed)] for each difference between the read text and the proposed one."""
    read = post.revisions.filter(fingerprint=fingerprint).order_by("-number").first()
    if read is None:
        return []
    before, now = read.snapshot, post.head_revision.snapshot
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [(key.replace("_", " "), _shown(before.get(key)), _shown(now.get(key))) for key in keys]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2) if value else "–"
