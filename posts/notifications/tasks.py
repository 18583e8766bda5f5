"""The jobs of notifications."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from posts.jobs import job, stop_if_asked
from posts.models import Notification, NotificationSetting
from posts.notifications.words import mail_about
from posts.outbox import add_mail
from posts.retention import kept

ONE_DAY = timedelta(days=1)
# A digest names the newest; the page in the admin has all.
IN_ONE_DIGEST = 50
CHUNK = 1000


@job("send digests", label="E-mail the daily summaries", every=timedelta(hours=1))
def send_digests() -> None:
    """E-mail each person once a day what they have not read and were not mailed about, if there is something."""
    unmailed = Notification.objects.filter(read_at=None).filter(Q(mailed_at=None) | Q(mailed_at__lt=F("made_at")))
    people = User.objects.filter(is_active=True, pk__in=unmailed.values("user")).exclude(email="").order_by("pk")
    for person in people.iterator():
        _send_digest(person)
        stop_if_asked()


def _send_digest(person: User) -> None:
    now = timezone.now()
    with transaction.atomic():
        NotificationSetting.objects.get_or_create(user=person)
        wish = NotificationSetting.objects.select_for_update().get(user=person)
        last, due = wish.digest_sent_at, _due(wish.digest_sent_at, now)
        if not wish.mails_digest or (last and last >= due):
            return
        news = Notification.objects.unread_by(person).filter(Q(mailed_at=None) | Q(mailed_at__lt=F("made_at")))
        newest = list(news.select_related("post", "batch")[:IN_ONE_DIGEST])
        if not newest or (last and not news.filter(made_at__lte=due).exists()):
            return
        subject, body = mail_about(newest)
        if add_mail(person.email, subject=subject, body=body):
            news.update(mailed_at=now)
            wish.digest_sent_at = due
            wish.save(update_fields=["digest_sent_at"])


def _due(last: datetime | None, now: datetime) -> datetime:
    """Return the latest moment up to `now` at which the digest of a person is due: each day at the hour of the first.

    The job may run late. Kept as the moment of the digest, the hour of a late run would become that of all later ones.
    """
    if last is None:
        return now
    hour = last.replace(minute=0, second=0, microsecond=0)
    return hour + (now - hour) // ONE_DAY * ONE_DAY


def old_read_notifications(now: datetime) -> QuerySet[Notification]:
    """Return notifications that were read long ago."""
    return Notification.objects.filter(read_at__lt=now - kept("notifications"))


def old_unread_notifications(now: datetime) -> QuerySet[Notification]:
    """Return notifications that nobody read for longer."""
    return Notification.objects.filter(read_at=None, made_at__lt=now - kept("unread-notifications"))


@job("forget old notifications", label="Delete old notifications", every=ONE_DAY)
def forget_old_notifications() -> None:
    """Delete notifications read long ago, and unread ones after half a year."""
    now = timezone.now()
    old = old_read_notifications(now) | old_unread_notifications(now)
    while chunk := list(old.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        Notification.objects.filter(pk__in=chunk).delete()
        stop_if_asked()
