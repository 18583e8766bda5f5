"""Every page of the admin asks as many queries of a large site as of a small one."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posts.models import BulkRun, Post
from posts.operations import flag_post, record_revision, report_problem, submit_revision
from posts.review_queue.scoring import score_new
from tests.every_admin_page import every_admin_page
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = [pytest.mark.django_db, pytest.mark.once]
# Above all others: a decision about one post reads the history of its text, and the dashboard counts all there is.
# The page of storage asks each table that is kept for a time how much of it would go.
MOST = {"posts_post_change": 30, "review": 32, "index": 25, "storage": 25}


def edit(post, by, words):
    post = Post.objects.get(pk=post.pk)
    record_revision(post, {**post.working_record(), "summary": words}, by=by)
    submit_revision(post, by=by)


def grow(posts, editor, reviewer):
    """Make `posts` of each kind."""
    import_records(*(RecordFactory(stack=["Go"]) for _ in range(posts)), RecordFactory(title=7))
    for post in Post.objects.filter(live_revision=None, queue_entry__isnull=False).order_by("-pk")[: posts // 2]:
        edit(approve(post, by=reviewer), editor, "Changed after its release.")
    for _ in range(posts // 2):
        flag_post(make_post(released=True), by=reviewer, note="Look at this.")
        post = make_post(released=True)
        report_problem(post, reason="facts", note="Wrong.", address=f"address of {post.pk}")
    score_new()


def counted(client, pages):
    """Return {name: number of queries} of those `pages` that are HTML."""
    counts = {}
    for name, address in pages.items():
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address)
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            counts[name] = len(captured)
    return counts


def test_every_page_asks_the_same_of_a_small_site_and_of_one_with_more_of_everything(client, superuser):
    editor, reviewer = person("Editors"), person()
    first = make_post(released=True, stack=["Go"])
    edit(first, editor, "Once.")
    grow(2, editor, reviewer)
    client.force_login(superuser)
    # The first visits also read what Django remembers: content types.
    counted(client, every_admin_page(superuser))
    small = counted(client, every_admin_page(superuser))
    for number in range(3):
        edit(first, editor, f"Edit {number}.")
    grow(8, editor, reviewer)
    User.objects.bulk_create(User(username=f"someone-{number}", is_staff=True) for number in range(20))
    BulkRun.objects.all().delete()
    large = counted(client, every_admin_page(superuser))
    assert len(small) > 50
    assert {name: (small[name], large[name]) for name in small if small[name] != large[name]} == {}
    assert {name: count for name, count in large.items() if count > MOST.get(name, 16)} == {}
