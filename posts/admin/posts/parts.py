"""What the list and the page of posts show of flags and of the audit trail."""

import json

from django.urls import reverse
from django.utils.html import format_html

ENTRIES_SHOWN = 10


def last_entries(post):
    """What `admin/posts/_audit.html` takes: the newest ENTRIES_SHOWN AuditEntry of `post`, newest first."""
    return list(post.audit_entries.select_related("made_by").order_by("-pk")[:ENTRIES_SHOWN])


def flag_button(post):
    """A button for a row of a list: it sends the form around it to the flag address, so it needs no script."""
    return format_html(
        '<button type="submit" formaction="{}" name="quick" value="1" aria-label="Flag {}">Flag</button>',
        reverse("admin:posts_post_flag", args=[post.pk]),
        post.title,
    )


def plans_of(post):
    """What `admin/posts/release/_plans.html` takes: plans that wait, and refused ones that no release followed."""
    last = post.releases.order_by("-pk").values_list("made_at", flat=True).first()
    plans = post.scheduled_releases.select_related("revision").defer("revision__snapshot")
    refused = plans.filter(state="refused", **({"settled_at__gt": last} if last else {}))
    return [*plans.filter(state="waiting"), *refused]


def both_texts(post, fingerprint):
    """Where the text that was read (by its fingerprint) and the proposed one differ: [(field, read, proposed)]."""
    read = post.revisions.filter(fingerprint=fingerprint).order_by("-number").first()
    if read is None:
        return []
    before, now = read.snapshot, post.head_revision.snapshot
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [(key.replace("_", " "), _shown(before.get(key)), _shown(now.get(key))) for key in keys]


def _shown(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2) if value else "–"
