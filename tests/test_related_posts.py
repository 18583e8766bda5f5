"""Related posts with their reasons, and the posts before and after on the same stack."""

import re
from html import unescape

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from posts.importing.index_switch import switch_batch_index
from posts.jobs import Interrupted, registered_jobs
from posts.models import ListedText, Neighbour, Post, PostTerm, StaleNeighbours, TextTwin
from posts.operations import change_slug, flag_post, record_revision, withdraw_post
from posts.public.related import related_posts
from posts.related.related_posts import CHUNK, KEPT, MOST_OF_A_STACK, SHOWN, find_stale_related_posts, told_apart
from tests.factories import approve, make_post, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def reviewer_for_all(db):
    """Let one reviewer decide about all posts of a test."""
    return person()


@pytest.fixture
def release(reviewer_for_all):
    def released(**fields):
        return approve(make_post(**fields), by=reviewer_for_all)

    return released


def page_of(client, post):
    return client.get(Post.objects.get(pk=post.pk).get_absolute_url()).content.decode()


def similar_on(page):
    """Return [(title, reason)] of the similar posts on a page."""
    section = page.split('class="similar"')[1].split("</section>")[0]
    found = re.findall(r"<h3><a [^>]*>(.*?)</a></h3>\s*<p class=\"similar__why\">(.*?)</p>", section, re.DOTALL)
    return [(unescape(title), " ".join(re.sub(r"<[^>]+>", "", unescape(why)).split())) for title, why in found]


def titles_on(client, post):
    return [title for title, _ in similar_on(page_of(client, post))]


def about(title, **fields):
    return {"title": title, "topic": "", "stack": [], "tools": []} | fields


def test_what_shares_rare_things_stands_before_what_shares_common_ones(client, release):
    post = release(**about("Mine", stack=["Go"], tools=["pgx", "delve"], topic="idle pools"))
    release(**about("Same stack", stack=["Go"], tools=["make"]))
    for number in range(4):
        release(**about(f"Also Go {number}", stack=["Go"], tools=[f"tool {number}"]))
    release(**about("Same topic", stack=["Rust"], topic="Idle  Pools"))
    release(**about("Same tool and stack", stack=["Go"], tools=["Delve"]))
    release(**about("Nothing in common", stack=["Perl"]))
    find_stale_related_posts()
    shown = similar_on(page_of(client, post))
    assert shown[:2] == [("Same tool and stack", "Shares delve and Go"), ("Same topic", "Shares idle pools")]
    assert {title for title, _ in shown[2:]} <= {"Same stack", *(f"Also Go {number}" for number in range(4))}
    assert len(shown) == 2 + MOST_OF_A_STACK - 1


def test_a_post_never_leads_to_itself_nor_to_what_repeats_it_or_another(client, release):
    post, repeated, other, again = (release(title=title) for title in ("Mine", "Repeats mine", "One", "Repeats one"))
    for one, two in ((post, repeated), (other, again)):
        TextTwin.objects.create(post=one, twin=two, similarity=0.9)
        TextTwin.objects.create(post=two, twin=one, similarity=0.9)
    find_stale_related_posts()
    assert titles_on(client, post) == ["Repeats one"]
    assert titles_on(client, other) == ["Repeats mine"]


def test_a_near_duplicate_leaves_the_page_as_soon_as_it_is_known(client, release):
    post, other = release(title="Mine"), release(title="The other")
    find_stale_related_posts()
    assert titles_on(client, post) == ["The other"]
    TextTwin.objects.create(post=post, twin=other, similarity=0.8)
    assert titles_on(client, post) == []


@pytest.mark.parametrize("is_kept", [True, False])
def test_no_more_than_three_of_one_stack_are_shown(client, release, is_kept):
    post = release(**about("Mine", stack=["Go services", "backend"], topic="retries"))
    for number in range(6):
        release(**about(f"Go {number}", stack=["Go services", "backend"], topic="retries"))
    for stack in ("Rust", "Python", "Ruby"):
        release(**about(f"In {stack}", stack=[stack, "backend"], topic="retries"))
    if is_kept:
        find_stale_related_posts()
    shown = titles_on(client, post)
    assert len(shown) == SHOWN and sorted(shown)[3:] == ["In Python", "In Ruby", "In Rust"]


def test_what_everybody_has_is_no_reason(client, release):
    posts = [release(**about(f"Post {number}", tools=["Git", f"tool {number // 2}"])) for number in range(24)]
    find_stale_related_posts()
    assert similar_on(page_of(client, posts[0])) == [("Post 1", "Shares tool 0 and Git")]


def test_reasons_say_nothing_twice():
    names = ["Go", "retries / Go services", "Go services", "MongoDB", "Äpfel", "birnen und äpfel", "C", "C++"]
    assert told_apart(names) == ["retries / Go services", "MongoDB", "birnen und äpfel", "C", "C++"]


def test_a_title_is_shown_once(client, release):
    post = release(title="Mine")
    for _ in range(3):
        release(title="One title")
    find_stale_related_posts()
    assert titles_on(client, post) == ["One title"]


def test_an_unreviewed_text_leads_to_approved_ones_and_no_post_to_it(client, release):
    approved, waiting = release(title="Approved"), make_post(title="Waiting")
    find_stale_related_posts()
    assert titles_on(client, waiting) == ["Approved"]
    assert titles_on(client, approved) == []
    assert not Neighbour.objects.exists()


def test_a_post_released_a_moment_ago_has_similar_posts_before_the_background_has_seen_it(client, release):
    post, other = release(title="Mine"), release(title="The other")
    assert not Neighbour.objects.exists()
    [(title, why)] = similar_on(page_of(client, post))
    assert title == "The other" and "pgx" in why
    assert titles_on(client, other) == ["Mine"]


def _take_away_by_flag(post):
    flag_post(post, by=person("Staff"), note="Look.")


def _take_away_by_withdrawal(post):
    withdraw_post(post, by=person())


def _take_away_by_switch(post):
    switch_batch_index(post.last_batch, is_open=False, by=person("Staff"))


@pytest.mark.parametrize("take_away", [_take_away_by_flag, _take_away_by_withdrawal, _take_away_by_switch])
def test_what_is_taken_away_is_named_nowhere_at_once_and_another_takes_its_place(client, release, take_away):
    posts = [release(title=f"Post {number:02}", stack=[f"stack {number}"]) for number in range(KEPT + 3)]
    find_stale_related_posts()
    gone = next(other for other in posts[1:] if other.title in titles_on(client, posts[0]))
    take_away(gone)
    assert gone.title not in page_of(client, posts[0]) and len(titles_on(client, posts[0])) == SHOWN
    find_stale_related_posts()
    if take_away is not _take_away_by_switch:
        assert Neighbour.objects.filter(post=posts[0]).count() == KEPT
        assert not Neighbour.objects.filter(neighbour=gone).exists()


def test_a_release_reaches_the_pages_beside_it_in_the_background(client, release):
    post = release(title="Mine")
    find_stale_related_posts()
    assert titles_on(client, post) == []
    release(title="Newer")
    find_stale_related_posts()
    assert list(Neighbour.objects.filter(post=post).values_list("neighbour__title", flat=True)) == ["Newer"]
    assert not StaleNeighbours.objects.exists()


def test_another_text_of_a_post_changes_why_it_is_shown(client, release, reviewer_for_all):
    post, other = release(title="Mine", tools=["pgx"]), release(title="The other", tools=["pgx"])
    find_stale_related_posts()
    assert "pgx" in similar_on(page_of(client, post))[0][1]
    record_revision(other, other.working_record() | {"tools": ["sqlx"]}, by=person("Editors"))
    assert "pgx" in similar_on(page_of(client, post))[0][1], "nobody has approved it yet"
    approve(other, by=reviewer_for_all)
    find_stale_related_posts()
    [(title, why)] = similar_on(page_of(client, post))
    assert title == "The other" and "pgx" not in why


def test_the_worker_finds_similar_posts_by_itself(release):
    release(), release()
    registered_jobs()["find similar posts"].task.call()
    assert Neighbour.objects.count() == 2


def test_a_run_that_is_stopped_goes_on_where_it_was(release, monkeypatch):
    monkeypatch.setitem(CHUNK, connection.vendor, 2)
    first, second, third = (release().pk for _ in range(3))
    StaleNeighbours.objects.bulk_create([StaleNeighbours(post=post, spreads=False) for post in Post.objects.all()] * 3)

    def stop():
        raise Interrupted

    with pytest.raises(Interrupted):
        find_stale_related_posts(on_checkpoint=stop)
    assert set(Neighbour.objects.values_list("post", flat=True)) == {first, second}
    assert set(StaleNeighbours.objects.values_list("post", flat=True)) == {third}
    find_stale_related_posts()
    assert not StaleNeighbours.objects.exists()


def test_posts_released_together_are_looked_at_twice_at_most(release, monkeypatch):
    monkeypatch.setitem(CHUNK, connection.vendor, 1)
    for _ in range(6):
        release()
    # All of them side by side: the last one alone finds no pending post anyway.
    assert find_stale_related_posts() <= 12
    assert Neighbour.objects.values("post").distinct().count() == 6


def test_a_command_finds_those_of_all_posts_anew(release, capsys):
    release(), release()
    find_stale_related_posts()
    Neighbour.objects.all().delete()
    call_command("find_similar")
    assert capsys.readouterr().out.startswith("0 posts in")
    call_command("find_similar", all=True)
    assert capsys.readouterr().out.startswith("2 posts in")
    assert Neighbour.objects.count() == 2


def test_what_has_not_changed_is_not_written_again(release):
    release(), release()
    find_stale_related_posts()
    before = set(Neighbour.objects.values_list("pk", flat=True))
    call_command("find_similar", all=True)
    assert set(Neighbour.objects.values_list("pk", flat=True)) == before


def test_the_way_on_is_one_query_however_many_posts_there_are(release, django_assert_num_queries):
    post = release()
    for count in (1, 12):
        for _ in range(count):
            release()
        find_stale_related_posts()
        post = Post.objects.with_texts().get(pk=post.pk)
        with django_assert_num_queries(1):
            related_posts(post, post.live_revision.snapshot, is_listed=True)
    waiting = Post.objects.with_texts().get(pk=make_post().pk)
    with django_assert_num_queries(1):
        related_posts(waiting, waiting.head_revision.snapshot, is_listed=False)


def test_finding_costs_the_same_queries_for_two_posts_and_for_forty(release):
    def queries():
        # The first time it writes what has changed.
        call_command("find_similar", all=True)
        with CaptureQueriesContext(connection) as captured:
            call_command("find_similar", all=True)
        return len(captured)

    release(stack=["stack 0"]), release(stack=["stack 0"])
    few = queries()
    for number in range(38):
        release(stack=[f"stack {number % 8}"])
    assert queries() == few
    assert Neighbour.objects.count() >= 40


def in_stack_on(client, post):
    """Return {"prev": address, "next": address} of what stands before and after on the stack, and the heading."""
    page = page_of(client, post)
    if 'class="in-stack"' not in page:
        return None
    nav = page.split('class="in-stack"')[1].split("</nav>")[0]
    return {rel: address for address, rel in re.findall(r'<a href="([^"]+)" rel="(prev|next)"', nav)}


def test_a_post_leads_to_the_one_before_and_after_it_on_its_stack(client, release):
    first, elsewhere, second, third = (
        release(**about(title, stack=[stack, "backend"]))
        for title, stack in (("A", "Go"), ("B", "Rust"), ("C", "Go"), ("D", "go"))
    )
    for _ in range(2):
        assert in_stack_on(client, first) == {"next": second.get_absolute_url()}
        assert in_stack_on(client, second) == {"prev": first.get_absolute_url(), "next": third.get_absolute_url()}
        assert in_stack_on(client, third) == {"prev": second.get_absolute_url()}
        assert in_stack_on(client, elsewhere) is None
        assert "More on <bdi>Go</bdi>" in page_of(client, first)
        find_stale_related_posts()
    change_slug(third, by=person(), slug="moved-on")
    assert in_stack_on(client, second)["next"] == "/posts/moved-on/"
    withdraw_post(second, by=person())
    assert in_stack_on(client, first) == {"next": "/posts/moved-on/"}


def test_posts_of_one_moment_are_walked_one_after_the_other(client, release):
    posts = [release(**about(f"Post {number}", stack=["Go"])) for number in range(4)]
    at = posts[0].first_published_at
    Post.objects.update(first_published_at=at)
    PostTerm.objects.update(published_at=at)
    ListedText.objects.update(published_at=at)
    walked, address = [], posts[0].get_absolute_url()
    while address:
        walked.append(address)
        address = in_stack_on(client, Post.objects.get(slug=address.split("/")[2])).get("next")
    assert walked == [post.get_absolute_url() for post in posts]


def test_an_unreviewed_text_has_no_place_on_its_stack(client, release):
    release()
    assert in_stack_on(client, make_post()) is None


def test_nothing_is_named_where_the_site_is_closed_to_search_engines(client, release):
    post, _ = release(title="Mine"), release(title="The other")
    find_stale_related_posts()
    assert titles_on(client, post) == ["The other"]
    with override_settings(INDEXING=False):
        assert titles_on(client, post) == [] and in_stack_on(client, post) is None


def test_names_of_a_record_are_text_in_the_reason(client, release):
    hostile = '<img src=x onerror="alert(1)">'
    post = release(tools=[hostile], stack=[hostile], title=hostile)
    release(tools=[hostile], stack=[hostile], title=f"Other {hostile}")
    find_stale_related_posts()
    page = page_of(client, post)
    assert hostile not in page and similar_on(page)[0][0] == f"Other {hostile}"
    assert "&lt;img src=x" in page.split('class="similar"')[1]


def test_a_record_without_any_subject_has_no_way_on(client, release):
    post = release(**about("Mine"))
    release(**about("The other"))
    find_stale_related_posts()
    page = page_of(client, post)
    assert similar_on(page) == [] and "No approved post shares" in page
