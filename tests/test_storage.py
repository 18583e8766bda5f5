"""Nothing grows without bound: every table is content, computed from content, or loses its old rows."""

import re
import uuid
from datetime import timedelta
from itertools import count

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from posts.jobs.registry import registered_jobs
from posts.models import (
    ApprovedPicture,
    BulkRun,
    ImportIssue,
    JobWorker,
    LinkAddress,
    LinkCheck,
    LinkHost,
    Notification,
    OutgoingMessage,
    PageChange,
    PreviewAnswer,
    PreviewLink,
    PushAnswer,
    RequestFigure,
    SignInTally,
    UnsavedText,
    UploadedPicture,
    WebSession,
)
from posts.monitoring.storage import CONTENT, DERIVED, KEPT, WITH_OTHERS, tables
from tests.factories import make_post, person

ONE_DAY = timedelta(days=1)
# Three years are longer than any default.
YEARS = 3
# A row every ten days: what is kept is at most so much older than its time.
STEP = 10
NUMBERS = count(1)


def test_every_table_says_what_becomes_of_its_rows():
    declared = [*CONTENT, *DERIVED, *WITH_OTHERS, *dict.fromkeys(kind.table for kind in KEPT)]
    assert sorted(declared) == tables()


class Past:
    """Rows of the past, one of each kind on a day."""

    def __init__(self):
        self.post, self.by = make_post(released=True), person("Staff")
        self.approval = self.post.live_approval
        host, _ = LinkHost.objects.get_or_create(name="example.org")
        self.address, _ = LinkAddress.objects.get_or_create(
            digest="0" * 64, defaults={"address": "https://example.org/", "host": host}
        )

    def fill(self, at):
        """Make a row of each kind that was last of use at a time."""
        self.number = next(NUMBERS)
        day = f"{self.number}"
        stranger = User.objects.create(username=f"stranger-{uuid.uuid4().hex[:12]}")
        for status in ("SUCCESSFUL", "FAILED"):
            DBTaskResult.objects.create(
                status=status, finished_at=at, run_after=at, args_kwargs={}, task_path="posts.x", queue_name="default",
                backend_name="default", exception_class_path="", traceback="",
            )  # fmt: skip
        self.dated(JobWorker.objects.create(name=day), seen_at=at)
        message = {"kind": "mail", "recipient": "ada@example.org", "body": "Words."}
        OutgoingMessage.objects.create(**message, sent_at=at)
        OutgoingMessage.objects.create(**message, parked_at=at)
        for user, read_at in ((self.by, at), (stranger, None)):
            notification = Notification.objects.create(user=user, kind="returned", post=self.post, read_at=read_at)
            self.dated(notification, made_at=at)
        RequestFigure.objects.create(
            seconds=3600, began_at=at, version="1", route="posts:home", requests=1, errors=0, refused=0, cached=0,
            total_ms=1, slowest_ms=1, counts=[],
        )  # fmt: skip
        UnsavedText.objects.create(owner=stranger, fields=[], window=day, kept_at=at)
        self.dated(
            UploadedPicture.objects.create(
                name=f"{uuid.uuid4().hex}.png", width_px=1, height_px=1, size_bytes=1, uploaded_by=self.by
            ),
            uploaded_at=at,
        )
        LinkCheck.objects.create(address=self.address, state="alive", first_at=at, last_at=at)
        link = {"post": self.post, "revision": self.post.head_revision, "secret_hash": "0" * 64, "made_by": self.by}
        PreviewLink.objects.create(**link, selector=uuid.uuid4().hex, expires_at=at)
        batch = self.post.last_batch
        self.dated(ImportIssue.objects.create(batch=batch, kind="refused", line=self.number), created_at=at)
        BulkRun.objects.create(act="approve", state="done", made_by=self.by, finished_at=at)
        SignInTally.objects.create(key=day, last_at=at)
        PageChange.objects.create(position=-self.number, keys="lists", noted_at=at)
        WebSession.objects.create(session_key=day, session_data="", expire_date=at)

    @staticmethod
    def dated(row, **when):
        """Date what the database dates itself."""
        type(row).objects.filter(pk=row.pk).update(**when)


# What takes more than a row of its own: a generator, a second approval. Their jobs have tests of their own.
ELSEWHERE = {ApprovedPicture, PushAnswer}


def run_daily_jobs():
    for name, definition in registered_jobs().items():
        if name.startswith("forget ") or name == "add up figures":
            definition.task.func()


def test_after_three_years_each_kind_has_no_row_that_is_older_than_it_is_kept(transactional_db, settings):
    past, now = Past(), timezone.now()
    for days in range(0, YEARS * 365, STEP):
        past.fill(now - timedelta(days=days))
    rows = {kind.label: kind.model.objects.count() for kind in KEPT if kind.model not in ELSEWHERE}
    assert all(kind.old(now).exists() for kind in KEPT if kind.model not in ELSEWHERE), (
        "a kind has no old row to delete"
    )
    run_daily_jobs()
    for kind in KEPT:
        assert not kind.old(now).exists(), kind.label
        if kind.model not in ELSEWHERE and kind.model is not PageChange:
            left = kind.model.objects.count()
            assert left < rows[kind.label], kind.label
            # The triggers note in the change log what this test writes. Two kinds may share a table.
            shared = [one for one in KEPT if one.model is kind.model]
            most = sum(settings.KEEP_DAYS.get(one.days, 2) // STEP + 2 for one in shared)
            assert left <= most, (kind.label, left)


def test_evidence_of_people_and_conflicts_stay_however_old(transactional_db):
    past, old = Past(), timezone.now() - 5 * 365 * ONE_DAY
    past.fill(old)
    link = PreviewLink.objects.get()
    PreviewAnswer.objects.create(link=link, agrees=True, name="Eve")
    ImportIssue.objects.update(kind="conflict", post=past.post)
    run_daily_jobs()
    assert PreviewLink.objects.get() == link
    assert ImportIssue.objects.count() == 1


@pytest.mark.once
def test_days_are_set_for_each_kind(transactional_db, settings):
    past, now = Past(), timezone.now()
    past.fill(now - 20 * ONE_DAY)
    settings.KEEP_DAYS = settings.KEEP_DAYS | {"bulk-actions": 10}
    run_daily_jobs()
    assert not BulkRun.objects.exists() and ImportIssue.objects.exists()


def test_the_page_names_each_kind_with_its_days_and_what_would_go(client, staff):
    past, now = Past(), timezone.now()
    for days in (1000, 1):
        past.fill(now - timedelta(days=days))
    client.force_login(staff)
    page = client.get("/admin/operations/storage/").text
    for kind in KEPT:
        assert kind.label in page and kind.time in page
    (actions,) = re.findall(r"<tr>\s*<th[^>]*>Bulk actions.*?</tr>", page, re.DOTALL)
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", actions, re.DOTALL)]
    assert cells[0] == "2" and cells[2:] == ["400 days", "bulk-actions", "1"]
    for table in (*CONTENT, *DERIVED):
        assert table in page


def test_the_page_asks_as_many_queries_whatever_there_is(client, staff):
    client.force_login(staff)
    counts = []
    for _ in range(2):
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/admin/operations/storage/").status_code == 200
        counts.append(len(queries))
        past = Past()
        past.fill(timezone.now() - timedelta(days=1000))
    assert counts[0] == counts[1] < 40
