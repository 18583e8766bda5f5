"""The demo posts: an empty site gets every state through real operations; other sites are left alone."""

import re
from collections import Counter
from datetime import timedelta
from itertools import islice

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from posts.listing.site_stats import site_stats
from posts.management.commands.demo import demo_records, planted_records
from posts.models import (
    AuditEntry,
    ImportBatch,
    ListedText,
    Post,
    QueueEntry,
    Release,
    Review,
    ReviewGuideline,
    Revision,
)
from tests.factories import import_records, make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    """Return the command, on a site with DEBUG on."""
    settings.DEBUG = True
    return lambda: call_command("demo")


# What its operations do on each engine is seen where they are tested.
@pytest.mark.once
def test_demo_fills_a_site_once_and_reaches_every_state(demo, client):
    # An interrupted start left some of the posts: it goes on from there.
    import_records(*islice(demo_records(), 120))
    demo()
    assert Post.objects.count() == 212
    origins = dict(ImportBatch.objects.exclude(source_name="").values_list("source_name", "origin"))
    assert origins["demo articles"] == "trained_model"
    assert {origins[f"demo posts, week {week}"] for week in range(1, 12)} == {"fixed_algorithm"}
    assert {user.username for user in User.objects.all()} == {"editor", "reviewer", "reviewer2", "staff", "admin"}

    assert set(Revision.objects.values_list("status", flat=True)) == set(Revision.Status)
    assert set(Release.objects.values_list("kind", flat=True)) == set(Release.Kind)
    assert set(Review.objects.values_list("outcome", flat=True)) == set(Review.CHOICES)
    assert Post.objects.listed().count() > 80
    assert Post.objects.filter(awaits_review=True).count() > 40
    assert Post.objects.filter(live_revision__isnull=False).exclude(head_revision=F("live_revision")).count() > 5
    assert Post.objects.filter(live_revision__isnull=False, needs_human_review=True).exists()
    assert Post.objects.filter(live_revision__isnull=True, needs_human_review=True).exists()
    assert Post.objects.filter(withdrawn_at__isnull=False).count() == 1

    released = Release.objects.filter(kind=Release.Kind.RELEASED)
    assert all(release.owner and release.expected_result and release.rollback_note for release in released)
    assert all(review.comment for review in Review.objects.exclude(outcome=Review.Outcome.APPROVED))
    people = {"editor", "reviewer", "reviewer2", "staff"}
    assert people == set(AuditEntry.objects.filter(made_by__isnull=False).values_list("made_by__username", flat=True))

    # The written articles are all released, and lead the home page.
    written = Post.objects.filter(source_id__startswith="written-")
    assert written.count() == written.filter(pk__in=Post.objects.listed()).count() == 12
    shown = re.findall(r'href="/posts/([a-z0-9-]+)/"', client.get("/").content.decode())
    assert set(written.values_list("slug", flat=True)) == set(shown)

    # What is planted is in the queue, and nowhere else.
    planted = {record["source_id"] for record, plant in planted_records() if plant}
    assert len(planted) > 15
    assert not Post.objects.filter(source_id__in=planted, live_revision__isnull=False).exists()

    # The decisions are spread over ten weeks, with more of them on weekdays, and none is of today.
    days = [timezone.localdate(moment) for moment in Review.objects.values_list("created_at", flat=True)]
    assert timedelta(days=60) < max(days) - min(days) < timedelta(days=70)
    assert timezone.localdate() - timedelta(days=7) <= max(days) < timezone.localdate()
    by_weekday = Counter(day.weekday() for day in days)
    assert min(by_weekday[day] for day in range(5)) > 4 * max(by_weekday[5], by_weekday[6])
    assert len(set(Counter(days).values())) > 3, "the chart has a shape"
    # Each follows the import of its post, and lists know the day of the decision.
    assert not Review.objects.filter(created_at__lte=F("revision__post__created_at")).exists()
    assert not ListedText.objects.exclude(published_at=F("post__first_published_at")).exists()
    # Nobody can date the entries of the interrupted start later.
    entries = AuditEntry.objects.exclude(detail__contains="test.jsonl")
    assert not entries.filter(made_at__date=timezone.localdate()).exists()

    # The numbers of the queue, the dashboard and the public page are the same.
    pending = Post.objects.filter(awaits_review=True).count()
    assert pending == QueueEntry.objects.count()
    stats = site_stats()
    assert stats.waiting + stats.newer_waiting == pending
    assert stats.listed == Post.objects.listed().count() == ListedText.objects.count()

    # The first decision answered it.
    assert ReviewGuideline.objects.get().created_at < Post.objects.order_by("created_at")[0].created_at

    listed = Post.objects.listed().first()
    assert client.get(f"/posts/{listed.slug}/").status_code == 200
    assert client.get("/").status_code == 200

    # Again it changes nothing.
    before = list(Post.objects.order_by("pk").values_list("pk", "head_revision", "live_revision", "changed_at"))
    entries, batches = AuditEntry.objects.count(), ImportBatch.objects.count()
    demo()
    assert list(Post.objects.order_by("pk").values_list("pk", "head_revision", "live_revision", "changed_at")) == before
    assert AuditEntry.objects.count() == entries
    assert ImportBatch.objects.count() == batches


def test_demo_leaves_a_site_with_posts_of_its_own_alone(demo):
    make_post()
    demo()
    assert Post.objects.count() == 1
    assert User.objects.filter(username="reviewer").exists()


def test_demo_refuses_where_debug_is_off(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="only with DEBUG on"):
        call_command("demo")
    assert not User.objects.exists()
