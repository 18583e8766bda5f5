"""The page of one revision: its text, its differences, what was decided about it, and its record."""

import pytest
from django.test import Client
from django.urls import reverse

from posts.operations import claim_post, roll_back
from tests.factories import approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db


def page_of(revision, client=None, **query):
    if client is None:
        client = Client()
        client.force_login(person())
    return client.get(reverse("admin:posts_revision_change", args=[revision.pk]), query)


def words_of(page):
    return " ".join(page.content.decode().split())


@pytest.fixture
def post():
    """Return a post with a live text and a newer proposed one."""
    post = approve(make_post(title="Draining", summary="First.", checklist=["one"]), comment="Reads well.")
    edit(post, summary="Second.")
    return fresh(post)


def test_it_frames_the_text_as_readers_see_it(post):
    page = page_of(post.live_revision)
    assert reverse("admin:posts_revision_preview", args=[post.live_revision_id]) in words_of(page)
    assert "Readers see this revision." in words_of(page)
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]


def test_it_compares_with_the_live_revision_and_with_any_other(post):
    edit(post, summary="Third.")
    post = fresh(post)
    head = post.head_revision
    page = page_of(head, view="changes")
    assert (page.context["old"], page.context["new"]) == (post.live_revision, head)
    page = page_of(head, view="changes", **{"with": "2"})
    assert page.context["old"].number == 2
    # The live one itself is compared with the one before it, or else with the first after it.
    page = page_of(post.live_revision, view="changes")
    assert (page.context["old"], page.context["new"].number) == (post.live_revision, 2)
    for number in ("9", "x", str(2**40), str(head.number)):
        assert page_of(head, view="changes", **{"with": number}).status_code == 404
    assert "nothing to compare" in words_of(page_of(make_post().head_revision, view="changes"))


def test_it_shows_the_decision_and_never_a_dict_of_python(post):
    for view in ("text", "changes", "record"):
        text = words_of(page_of(post.live_revision, view=view))
        assert "Approved" in text and "Reads well." in text and "Guideline version" in text
        assert "{&#x27;" not in text and "{'" not in text
    assert "&quot;summary&quot;: &quot;First.&quot;" in words_of(page_of(post.live_revision, view="record"))
    assert "&quot;summary&quot;" not in words_of(page_of(post.live_revision))
    roll_back_target = approve(post)
    roll_back(roll_back_target, by=person(), why="Wrong.")
    assert "Revoked" in words_of(page_of(fresh(post).head_revision))


def test_it_leads_reviewers_to_the_decision_and_others_not(post):
    waiting, editor = make_post(), Client()
    editor.force_login(person("Editors"))
    review = reverse("admin:review", args=[waiting.pk])
    assert f'href="{review}"' in words_of(page_of(waiting.head_revision))
    claim_post(waiting, by=person())
    assert f'href="{review}"' not in words_of(page_of(waiting.head_revision, editor))
    assert "Only reviewers can decide about it." in words_of(page_of(waiting.head_revision, editor))
    assert "/admin/review/" not in words_of(page_of(post.live_revision))


def test_it_restores_for_people_who_may(post):
    editor, staff = Client(), Client()
    editor.force_login(person("Editors"))
    staff.force_login(person("Staff"))
    assert "Restore 1.0.0 as a new revision" in words_of(page_of(post.live_revision, editor))
    assert "Restore" not in words_of(page_of(post.head_revision, editor))
    assert "Restore" not in words_of(page_of(post.live_revision, staff))
    restore = reverse("admin:posts_post_act", args=[post.pk, "restore"])
    editor.post(restore, {"number": "1", "why": ""})
    assert fresh(post).head_revision.fingerprint == post.live_revision.fingerprint


@pytest.mark.once
def test_it_costs_the_same_with_three_revisions_and_with_thirty(post, django_assert_max_num_queries):
    client = Client()
    client.force_login(person())
    counts = []
    for _ in range(2):
        for view in ("text", "changes", "record"):
            with django_assert_max_num_queries(30) as queries:
                page_of(fresh(post).head_revision, client, view=view)
            counts.append(len(queries))
        for number in range(10):
            edit(post, summary=f"Number {number}.")
    assert counts[:3] == counts[3:]
