"""My work: what a person was told, what waits for them, and how they want to be told."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format

from posts.admin.lists import number_in
from posts.admin.pages import AdminPage
from posts.errors import Refused
from posts.models import (
    ImportBatch,
    Notification,
    NotificationSetting,
    Post,
    QueueEntry,
    ReaderReport,
    Revision,
    ScheduledRelease,
    UnsavedText,
)
from posts.notifications.words import line_of, path_of
from posts.operations.unsaved_texts import discard_unsaved_text
from posts.reverse import address
from posts.review_queue.order import within_limits

# Each list names the newest; its page has all.
SHOWN = 20
NOTIFICATIONS_SHOWN = 50
REFUSED_PLANS = timedelta(days=14)
OVERDUE = timedelta(days=14)
Status = Revision.Status


@dataclass(frozen=True)
class Told:
    """A notification as the page shows it."""

    line: str
    address: str
    notification: Notification


@dataclass(frozen=True)
class Task:
    """Something that waits for a person: what, where, and why or since when. unsaved: what a button can discard."""

    title: str
    address: str
    why: str
    unsaved: UnsavedText | None = None


@dataclass(frozen=True)
class TaskList:
    """The tasks of one kind."""

    heading: str
    tasks: list[Task]


class NotificationSettingForm(forms.ModelForm[NotificationSetting]):
    """How a person wants to be told."""

    class Meta:
        model = NotificationSetting
        fields = ("mails_digest", "mails_at_once")


class MyWork(AdminPage):
    """What a person was told and what waits for them. The number of queries is fixed."""

    permissions = ()
    template = "my_work"
    title = "My work"

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        user = self.person
        told = user.notifications.select_related("post", "batch")[:NOTIFICATIONS_SHOWN]
        return self.render(
            status=status,
            trail=[],
            told=[Told(line_of(one), path_of(one.kind, post=one.post, batch=one.batch), one) for one in told],
            lists=task_lists(user),
            form=NotificationSettingForm(label_suffix="", instance=_setting(user)),
            has_mail_address=bool(user.email),
        )

    def read_all(self, subject: Any) -> str:
        """Mark every notification as read."""
        count = Notification.objects.unread_by(self.person).update(read_at=timezone.now())
        return f"You marked {count:,} notification{'' if count == 1 else 's'} as read." if count else ""

    def save_setting(self, subject: Any) -> str:
        """Save how the person wants to be told."""
        user = self.person
        setting, _ = NotificationSetting.objects.get_or_create(user=user)
        NotificationSettingForm(self.request.POST, instance=setting).save()
        return "Your choices are saved."

    def discard(self, subject: Any) -> str:
        """Discard the unsaved text whose button was pressed; one that changed since stays."""
        number = number_in(self.request.POST.get("text", ""))
        kept = self.person.unsaved_texts.select_related("post").filter(pk=number).first() if number else None
        window = self.request.POST.get("window", "")
        if kept is None or not discard_unsaved_text(kept.post, windows=[window], by=self.person):
            raise Refused("This text was saved, discarded or changed in another window.")
        return "The unsaved text was discarded."

    actions = {"read": read_all, "choose": save_setting, "discard": discard}


def task_lists(user: User) -> list[TaskList]:
    """Return the lists of what waits for a person, by what they may do; none that is empty."""
    lists = []
    if user.has_perm("posts.change_post") or user.has_perm("posts.add_post"):
        lists.append(_unsaved(user))
    if user.has_perm("posts.change_post"):
        lists.append(_returned(user))
    if user.has_perm("posts.review_post"):
        lists += [_assigned(user), _claimed(user), _overdue(user)]
    if user.has_perm("posts.flag_post"):
        lists.append(_reported())
        lists.append(_refused_plans())
    if user.has_perm("posts.view_importbatch"):
        lists.append(_stopped_imports())
    return [found for found in lists if found.tasks]


def _unsaved(user: User) -> TaskList:
    """Return what this person typed into the forms of posts and did not save, the newest first."""
    kept = UnsavedText.objects.filter(owner=user).select_related("post").only("window", "kept_at", "post__title")
    tasks = []
    for text in kept.order_by("-kept_at", "-pk")[:SHOWN]:
        title = text.post.title if text.post else _new_title(text)
        form = address("admin:posts_post_change", text.post_id) if text.post_id else address("admin:posts_post_add")
        why = f"last typed {date_format(timezone.localtime(text.kept_at), 'j F, H:i')}"
        tasks.append(Task(title, f"{form}?restore", why, text))
    return TaskList("You have unsaved text", tasks)


def _new_title(text: UnsavedText) -> str:
    """Return what the text of a new post is called. There is one such text, so it is read."""
    typed = text.sent().get("title") or ""
    return f"A new post: {typed[:200]}" if typed.strip() else "A new post"


def _returned(user: User) -> TaskList:
    """Return the posts whose proposed text this person wrote and a reviewer turned down, with the reviewer's words."""
    posts = (
        Post.objects.filter(
            head_revision__author=user, head_revision__status__in=[Status.CHANGES_REQUESTED, Status.REJECTED]
        )
        .only("title", "head_revision__status")
        .select_related("head_revision")
        .prefetch_related("head_revision__reviews")
        .order_by("-head_revision")[:SHOWN]
    )
    tasks = []
    for post in posts:
        review = max(post.head_revision.reviews.all(), key=lambda review: review.pk, default=None)
        said = review and (review.comment or review.get_reason_code_display())
        words = (
            f"{post.head_revision.get_status_display()}: {said}" if said else post.head_revision.get_status_display()
        )
        tasks.append(Task(post.title, address("admin:posts_post_change", post.pk), words))
    return TaskList("Came back to you", tasks)


def _assigned(user: User) -> TaskList:
    return TaskList("Assigned to you", _reviews(QueueEntry.objects.filter(assigned_to=user)))


def _claimed(user: User) -> TaskList:
    claimed = QueueEntry.objects.filter(held_by=user, held_until__gt=timezone.now())
    return TaskList("Claimed by you", _reviews(claimed))


def _overdue(user: User) -> TaskList:
    """Return what has been pending for long, is assigned to nobody, and this person may decide about."""
    old = QueueEntry.objects.filter(waiting_since__lte=timezone.now() - OVERDUE, assigned_to=None)
    old = within_limits(old, by=user)
    return TaskList(f"Pending for {OVERDUE.days} days or more", _reviews(old))


def _reviews(entries: QuerySet[QueueEntry]) -> list[Task]:
    """Return the tasks of pending posts, those that have waited longest first."""
    now = timezone.now()
    tasks = []
    for entry in entries.select_related("post").only("post__title", "waiting_since").order_by("waiting_since")[:SHOWN]:
        days = (now - entry.waiting_since).days
        why = f"waiting for {days:,} day{'' if days == 1 else 's'}" if days else "waiting since today"
        tasks.append(Task(entry.post.title, address("admin:review", entry.pk), why))
    return tasks


def _reported() -> TaskList:
    reports = ReaderReport.objects.filter(answered_at=None).select_related("post").order_by("-pk")[:SHOWN]
    tasks = [
        Task(report.post.title, address("admin:posts_post_change", report.post_id), str(report)) for report in reports
    ]
    return TaskList("Reported by readers", tasks)


def _refused_plans() -> TaskList:
    plans = ScheduledRelease.objects.filter(
        state=ScheduledRelease.State.REFUSED, due_at__gt=timezone.now() - REFUSED_PLANS
    ).select_related("post")
    tasks = [
        Task(plan.post.title, address("admin:posts_post_change", plan.post_id), plan.refusal)
        for plan in plans.order_by("-due_at")[:SHOWN]
    ]
    return TaskList("Planned releases that were refused", tasks)


def _stopped_imports() -> TaskList:
    batches = ImportBatch.objects.filter(state=ImportBatch.State.STOPPED).order_by("-pk")[:SHOWN]
    tasks = [
        Task(batch.source_name, address("admin:posts_importbatch_change", batch.pk), batch.message) for batch in batches
    ]
    return TaskList("Imports that stopped", tasks)


def _setting(user: User) -> NotificationSetting:
    return NotificationSetting.objects.filter(user=user).first() or NotificationSetting(user=user)


PAGES = [("my-work/", MyWork, "my_work")]
