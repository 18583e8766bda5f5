"""What notifications say outside of the admin: links and mails."""

from collections.abc import Sequence

from django.conf import settings

from posts.models import ImportBatch, Notification, Post
from posts.reverse import address

Kind = Notification.Kind


def path_of(kind: str, *, post: Post | None, batch: ImportBatch | None) -> str:
    """Return the path of the page where a person can act on a notification."""
    if batch is not None:
        return address("admin:posts_importbatch_change", batch.pk)
    if post is None:
        return address("admin:my_work")
    if kind in (Kind.MENTIONED, Kind.ANSWERED):
        return address("admin:remarks", post.pk)
    if kind in (Kind.ASSIGNED, Kind.FLAGGED):
        return address("admin:review", post.pk)
    return address("admin:posts_post_change", post.pk)


def link_of(kind: str, *, post: Post | None, batch: ImportBatch | None) -> str:
    """Return path_of() as a full address."""
    return f"{settings.SITE_URL}{path_of(kind, post=post, batch=batch)}"


def line_of(notification: Notification) -> str:
    """Return a notification in one line, with the number of earlier events that it stands for."""
    earlier = notification.count - 1
    return sentence(f"{notification.text.rstrip('.')} (and {earlier:,} more)" if earlier else notification.text)


def sentence(text: str) -> str:
    """Return the text with a full stop, unless it ends as a sentence does: it may end with what a person wrote."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def mail_about(notifications: Sequence[Notification]) -> tuple[str, str]:
    """Return the subject and the body of a mail about one or more notifications."""
    first = notifications[0]
    subject = first.text if len(notifications) == 1 else f"{len(notifications)} new notifications"
    lines = [f"{line_of(one)}\n{link_of(one.kind, post=one.post, batch=one.batch)}\n" for one in notifications]
    choose = f"Choose which mail you get: {settings.SITE_URL}{address('admin:my_work')}"
    return f"{settings.SITE_NAME}: {subject}", "\n".join([*lines, choose, ""])
