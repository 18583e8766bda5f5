"""What the list and the page of posts show of flags and of the audit trail."""

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
