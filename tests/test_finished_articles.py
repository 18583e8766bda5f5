"""The finished parts of articles: shown exactly as long as the page would be the same without them."""

import gc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posts.models import FinishedArticle, Post, SourceLink, Term
from posts.operations.purge import purge_post
from posts.public import finish_articles as worker
from posts.public import finished_articles, views
from posts.public.finish_articles import finish_articles, forget_finished_articles
from posts.public.finished_articles import FinishedPart
from posts.public.tasks import forget_pages, make_pages_ready
from posts.related.related_posts import find_stale_related_posts
from tests.changed_posts import closed, flagged, renamed, rewritten, withdrawn
from tests.factories import make_post

pytestmark = pytest.mark.django_db
ON = {"stack": ["Rust"], "tools": ["cargo"], "tags": ["queues"]}


@pytest.fixture
def listed():
    """Make posts with related posts, all finished."""
    posts = [make_post(released=True, title=f"Draining {name}", **ON) for name in ("slowly", "fast", "twice")]
    find_stale_related_posts()
    finish_articles()
    return posts


def is_finished(post):
    return isinstance(finished_articles.find(post.slug, "html"), FinishedPart)


def answers(client, post):
    """Return the page of a post and its record."""
    for address in (post.get_absolute_url(), f"{post.get_absolute_url().rstrip('/')}.json"):
        answer = client.get(address)
        headers = {name: value for name, value in answer.items() if name not in ("X-Request-ID", "ETag")}
        yield answer.status_code, headers, answer.content


def whole_answers(client, post, settings):
    """Return the same, rendered as a whole."""
    settings.STORED_PAGES = False
    found = list(answers(client, post))
    settings.STORED_PAGES = True
    return found


def test_a_finished_article_is_the_page_that_is_rendered_as_a_whole(client, listed, settings):
    for post in listed:
        assert is_finished(post)
        assert list(answers(client, post)) == whole_answers(client, post, settings)


def test_a_finished_article_takes_two_queries_that_read_no_text_and_write_nothing(client, listed):
    client.get(listed[0].get_absolute_url())
    with CaptureQueriesContext(connection) as queries:
        page = client.get(listed[0].get_absolute_url())
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "SELECT"]
    assert page.headers["Cache-Control"].startswith("public")
    with CaptureQueriesContext(connection) as queries:
        client.get(f"{listed[0].get_absolute_url().rstrip('/')}.json")
    assert len(queries) == 1


def test_what_a_finished_part_is_made_of_is_in_the_query_that_is_compared(listed):
    post, _ = finished_articles.read_with_digest(listed[0].slug)
    with CaptureQueriesContext(connection) as queries:
        worker._made(post, "")
    # Only for the related posts, which are no part of it.
    assert len(queries) == 1
    assert "posts_neighbour" in queries[0]["sql"]


def list_renamed(post):
    Term.objects.filter(kind="stack", key="rust").update(slug="rust-language")


@pytest.mark.parametrize("change", [flagged, withdrawn, renamed, closed, rewritten, list_renamed])
def test_a_change_shows_at_once_before_the_background_knows_of_it_and_after(client, listed, settings, change):
    change(listed[1])
    for _ in range(2):
        for post in Post.objects.all():
            assert list(answers(client, post)) == whole_answers(client, post, settings)
        finish_articles()


def test_what_another_post_decides_shows_in_a_page_whose_part_is_good(client, listed):
    assert "Draining fast" in client.get(listed[0].get_absolute_url()).text
    flagged(listed[1])
    assert is_finished(listed[0])
    assert "Draining fast" not in client.get(listed[0].get_absolute_url()).text


def test_the_next_run_finishes_what_changed_and_nothing_else(listed):
    rewritten(listed[1])
    assert not is_finished(listed[1])
    before = dict(FinishedArticle.objects.values_list("pk", "html"))
    assert finish_articles() == 1
    assert is_finished(listed[1])
    after = dict(FinishedArticle.objects.values_list("pk", "html"))
    assert {pk for pk in after if after[pk] != before[pk]} == {listed[1].pk}
    assert finish_articles() == 0


def test_a_post_that_is_no_longer_listed_loses_its_finished_part(listed):
    withdrawn(listed[0])
    flagged(listed[1])
    make_pages_ready.func()
    assert list(FinishedArticle.objects.values_list("post", flat=True)) == [listed[2].pk]


def test_another_edition_makes_every_part_again_in_place(client, listed, settings):
    settings.SITE_NAME = "Another name"
    assert not is_finished(listed[0])
    assert "Another name" in client.get(listed[0].get_absolute_url()).text
    assert finish_articles() == 3
    assert FinishedArticle.objects.count() == 3
    assert is_finished(listed[0])


def test_another_order_of_lists_is_another_edition(listed, settings):
    settings.LIST_ORDER = "published"
    assert not is_finished(listed[0])


def test_a_run_without_time_goes_on_with_the_next_call(listed, monkeypatch):
    FinishedArticle.objects.all().delete()
    worker._note({"edition": "", "horizon": 2**62, "read_at": "", "next_post": None})
    monkeypatch.setattr(worker, "CHUNK", 1)
    counts = [finish_articles(seconds=0)]
    while not all(map(is_finished, listed)):
        counts.append(finish_articles(seconds=0))
        assert len(counts) < 100
    assert sum(counts) == 3


def test_without_the_setting_nothing_is_read_and_what_was_stored_goes(listed, settings):
    settings.STORED_PAGES = False
    assert not is_finished(listed[0])
    assert finish_articles() == 0
    forget_pages.func()
    assert not FinishedArticle.objects.exists()
    settings.STORED_PAGES = True
    assert forget_finished_articles() == 0
    assert finish_articles() == 3


@pytest.mark.parametrize(
    "by_hand",
    [
        """UPDATE posts_revision SET snapshot = replace(snapshot, 'Draining slowly', 'Draining never')""",
        "UPDATE posts_renderedarticle SET html = '<p>Draining never.'",
    ],
)
def test_a_text_that_somebody_changes_by_hand_shows_at_once(client, listed, by_hand):
    with connection.cursor() as cursor:
        cursor.execute(by_hand)
    assert "Draining never" in client.get(listed[0].get_absolute_url()).text


def test_a_text_that_somebody_changes_while_its_part_is_made_shows(client, listed, monkeypatch):
    FinishedArticle.objects.all().delete()
    worker._note({"edition": "", "horizon": 0, "read_at": "", "next_post": None})
    made = worker._made

    def changing(post, digest):
        row = made(post, digest)
        if post == listed[0]:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE posts_revision SET snapshot = replace(snapshot, 'slowly', 'never')")
        return row

    monkeypatch.setattr(worker, "_made", changing)
    finish_articles()
    assert "Draining never" in client.get(listed[0].get_absolute_url()).text


def test_a_purged_post_leaves_no_link_in_a_finished_part(listed):
    SourceLink.objects.create(post=listed[0], address="other.md", target=listed[1])
    finish_articles()
    assert is_finished(listed[0])
    withdrawn(listed[1])
    purge_post(Post.objects.get(pk=listed[1].pk), by=None, why="Asked by its author.")
    assert list(FinishedArticle.objects.values_list("post", flat=True)) == [listed[2].pk]


def test_a_post_without_related_posts_is_shown_with_what_is_found_among_all(client, settings):
    alone = make_post(released=True, title="Draining alone", **ON)
    finish_articles()
    assert is_finished(alone)
    other = make_post(released=True, title="Draining later", **ON)
    assert "Draining later" in client.get(alone.get_absolute_url()).text
    assert list(answers(client, other)) == whole_answers(client, other, settings)
    assert views.find_page(alone.slug) == alone


@pytest.mark.once
def test_the_texts_of_finished_articles_leave_the_memory_without_the_garbage_collector(listed, settings):
    settings.SITE_NAME = "Another name"
    gc.collect()
    gc.disable()
    try:
        assert finish_articles() == len(listed)
        assert not [found for found in gc.get_objects() if isinstance(found, FinishedArticle)]
    finally:
        gc.enable()
