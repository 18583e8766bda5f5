"""Stores notifications, and the messages about urgent ones, in the transaction of what they report."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from posts.models import ImportBatch, Notification, NotificationSetting, Post
from posts.notifications.words import link_of, mail_about, sentence
from posts.outbox import add_chat_message, add_mail

Kind = Notification.Kind
# A person who was mailed gets no second urgent mail of the same kind and person for this long; the digest has the rest.
QUIET_AFTER_MAIL = timedelta(minutes=15)


def people_who_may(permission: str) -> list[User]:
    """Return the active people with a right of this app, such as flag_post."""
    people = User.objects.with_perm(f"posts.{permission}", backend="django.contrib.auth.backends.ModelBackend")
    return list(people)


def tell(
    kind: Kind,
    people: Iterable[User],
    *,
    text: str,
    by: User | None,
    post: Post | None = None,
    batch: ImportBatch | None = None,
) -> None:
    """Tell people what happened; nobody is told what they did. Call it in the transaction of the event.

    text: a sentence, cut at 500 characters; it gets a full stop if it has none. What a person has not read of the same
    kind from the same person is one notification, with a count and the newest text.
    """
    told = sorted({person.pk: person for person in people if person != by and person.is_active}.items())
    text = " ".join(text.split())
    text = text if len(text) <= 500 else f"{text[:499]}…"
    now = timezone.now()
    unread = Notification.objects.filter(user__in=[pk for pk, _ in told], kind=kind, actor=by, read_at=None)
    # In the order of their keys: two transactions that tell the same people wait for each other in one order.
    known = {row.user_id: row for row in unread.select_for_update().order_by("pk")}
    unread.filter(pk__in=[row.pk for row in known.values()]).update(
        count=F("count") + 1, text=text, post=post, batch=batch, made_at=now
    )
    Notification.objects.bulk_create(
        [
            Notification(user_id=pk, kind=kind, actor=by, text=text, post=post, batch=batch, made_at=now)
            for pk, _ in told
            if pk not in known
        ],
        ignore_conflicts=True,  # The same was told at this very moment.
    )
    if kind in Notification.AT_ONCE:
        _mail_at_once(dict(told), unread, now=now)
        add_chat_message(sentence(text), about=kind.label, link=link_of(kind, post=post, batch=batch))


def _mail_at_once(people: dict[int, User], unread: QuerySet[Notification], *, now: datetime) -> None:
    """Save one mail for each person who wants urgent mail and had none of this kind just before."""
    decline = set(
        NotificationSetting.objects.filter(user__in=people, mails_at_once=False).values_list("user", flat=True)
    )
    due = unread.filter(Q(mailed_at=None) | Q(mailed_at__lt=now - QUIET_AFTER_MAIL)).select_related("post", "batch")
    mailed = []
    for notification in due:
        person = people[notification.user_id]
        subject, body = mail_about([notification])
        if person.pk not in decline and add_mail(person.email, subject=subject, body=body):
            mailed.append(notification.pk)
    Notification.objects.filter(pk__in=mailed).update(mailed_at=now)
