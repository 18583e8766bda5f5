"""What the pages of a post say agrees with the badge beside it, in every state."""

import html
import re

import pytest
from django.urls import reverse

from posts.models import Post
from tests.factories import person
from tests.posts_in_every_state import fill

pytestmark = pytest.mark.django_db

# What a page may not say beside a badge, or of a text that is (not) approved, released or closed.
UNDECIDED = ("is pending review", "nobody has submitted", "approved it and wrote part of it")
CONTRADICTIONS = {
    "approved": (*UNDECIDED, "nobody has decided", "nobody has approved", "is rejected.", "Changes are requested on"),
    "drafted": ("is approved", "is rejected.", "Changes are requested on"),
    "in_review": ("is approved", "is rejected.", "Changes are requested on"),
    "rejected": (*UNDECIDED, "is approved", "nobody has decided"),
}


def words_of(page):
    page = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.once
@pytest.mark.parametrize("right", ["Reviewers", "Editors"])
def test_no_sentence_contradicts_the_badge_in_any_state(client, right):
    client.force_login(person(right))
    for state, slug in fill().items():
        post = Post.objects.with_texts().get(slug=slug)
        for name in ("review", "posts_post_releases"):
            said = words_of(client.get(reverse(f"admin:{name}", args=[post.pk])).content.decode())
            for words in CONTRADICTIONS.get(post.head_revision.status, ()):
                assert words.lower() not in said.lower(), f"{name} of {state}: {words}"
            if name == "posts_post_releases":
                assert ("open to search engines" in said) is post.is_indexable, state
                assert ("Nothing is released" in said or "no approved revision is released" in said) is (
                    post.live_revision_id is None
                ), state


def test_a_text_that_is_approved_for_later_is_not_called_unapproved(client):
    post = Post.objects.get(slug=fill()["approved for later"])
    client.force_login(person())
    releases = words_of(client.get(reverse("admin:posts_post_releases", args=[post.pk])).content.decode())
    assert "closed to search engines: no approved revision is released" in releases and "Approved" in releases
    review = words_of(client.get(reverse("admin:review", args=[post.pk])).content.decode())
    assert "1.0.0 is approved. It is not released." in review


def test_a_text_that_was_approved_in_bulk_says_what_it_asks_for(client):
    post = Post.objects.get(slug=fill()["bulk"])
    client.force_login(person())
    review = words_of(client.get(reverse("admin:review", args=[post.pk])).content.decode())
    assert "is approved. Readers see it. It still needs an individual decision." in review
