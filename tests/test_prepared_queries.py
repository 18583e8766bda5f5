"""Prepared queries return the same as their querysets."""

import threading
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection

from posts.db.prepared_query import PreparedQuery, planned_rows, prepared
from posts.models import Post
from tests.factories import make_post


def seen(post):
    """Return all that a page reads of a post and of what hangs on it."""
    live, head, approval = post.live_revision, post.head_revision, post.live_approval
    return (
        (post.pk, post.slug, post.is_indexable, post.visible_revision.pk, post.proposed_snapshot),
        live and (live.pk, live.snapshot, live.batch.index_open),
        (head.pk, head.fingerprint, head.status),
        approval and (approval.pk, approval.created_at, approval.reviewer.username),
        post.last_batch.index_open,
    )


@pytest.mark.django_db
def test_a_prepared_query_gives_the_posts_of_its_queryset_for_one_value_after_the_other():
    posts = [make_post(released=True), make_post(), make_post(released=True, flagged=True)]
    queryset = Post.objects.for_its_page()
    ready = PreparedQuery(lambda slug: queryset.filter(slug=slug), slug=str)
    for post in [*posts, *posts]:
        assert seen(ready.first(slug=post.slug)) == seen(queryset.get(slug=post.slug))
    assert ready.first(slug="no-post-has-this") is None


@pytest.mark.django_db
def test_a_query_for_a_short_number_can_be_prepared():
    person = User.objects.create(username="ada")
    assert prepared(pk=int)(lambda pk: User.objects.filter(pk=pk)).first(pk=person.pk) == person


@pytest.mark.django_db
def test_a_prepared_query_is_one_query_and_the_same_statement_as_its_queryset(django_assert_num_queries):
    post = make_post(released=True)
    queryset = Post.objects.for_its_page()
    ready = PreparedQuery(lambda slug: queryset.filter(slug=slug), slug=str)
    with django_assert_num_queries(2) as asked:
        ready.first(slug=post.slug)
        list(queryset.filter(slug=post.slug))
    first, second = asked.captured_queries
    assert first["sql"] == second["sql"]


@pytest.mark.django_db
def test_a_prepared_query_takes_numbers_and_moments_in_any_number_of_places():
    posts = [make_post(released=True) for _ in range(3)]
    middle = posts[1]

    def around(pk, moment):
        later = Post.objects.filter(first_published_at__gte=moment).exclude(pk=pk)
        return later.filter(pk__gt=pk).order_by("pk")

    ready = PreparedQuery(around, pk=int, moment=datetime)
    assert ready.objects(pk=middle.pk, moment=middle.first_published_at) == [posts[2]]
    assert ready.objects(pk=posts[0].pk, moment=posts[0].first_published_at) == posts[1:]
    with pytest.raises(ValueError, match="takes moment, pk"):
        ready.objects(pk=middle.pk)


@pytest.mark.django_db
def test_a_query_without_a_place_for_its_value_can_not_be_prepared():
    with pytest.raises(ValueError, match="each of its values"):
        PreparedQuery(lambda slug: Post.objects.filter(slug="fixed"), slug=str)


@pytest.mark.django_db(transaction=True)
def test_threads_share_what_was_prepared_and_not_its_connection():
    post = make_post(released=True)
    ready = PreparedQuery(lambda slug: Post.objects.for_its_page().filter(slug=slug), slug=str)
    found = []

    def ask():
        try:
            found.append(ready.first(slug=post.slug))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [post] * 4


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's driver keeps the plans by itself")
@pytest.mark.django_db
@pytest.mark.parametrize("is_kept", [True, False])
def test_postgresql_plans_a_prepared_query_once_for_a_connection_unless_it_is_told_not_to(is_kept, monkeypatch):
    post = make_post(released=True)
    ready = PreparedQuery(lambda slug: Post.objects.for_its_page().filter(slug=slug), slug=str)
    if not is_kept:
        monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    found = "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE %s"
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        for slug in [post.slug, "no-post-has-this", post.slug]:
            ready.first(slug=slug)
        cursor.execute(found, ["%proposed_snapshot%"])
        assert cursor.fetchall() == ([(3,)] if is_kept else [])


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite compiles again what depends on a parameter")
@pytest.mark.django_db
def test_only_what_changes_is_a_parameter_on_sqlite_and_other_words_mean_the_same():
    titles = ["100 % of it", "O'Brien", "plain"]
    posts = [make_post(title=title) for title in titles]
    sent = []

    def note(execute, sql, parameters, many, context):
        sent.append(parameters)
        return execute(sql, parameters, many, context)

    for title, post in zip(titles, posts, strict=True):
        ready = PreparedQuery(
            lambda pk, title=title: Post.objects.filter(pk=pk, title=title, held=False, withdrawn_at=None), pk=int
        )
        with connection.execute_wrapper(note):
            assert ready.objects(pk=post.pk) == [post]
    assert sent == [(posts[0].pk,), (posts[1].pk, "O'Brien"), (posts[2].pk,)]


@pytest.mark.django_db
def test_placeholders_and_percent_signs_of_a_long_statement_mean_the_same_on_each_engine():
    # The driver of PostgreSQL remembers no statement of more than 4 kB.
    long = "/* as long as that of an article */ " * 200
    found = planned_rows(connection, f"SELECT CAST(%s AS text) || '50%%' || CAST(%s AS text) {long}", ["a", "b"])
    assert found == [("a50%b",)]
