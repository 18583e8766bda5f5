"""What a trait of a factory promises: the state that it names, reached by the operations of the site."""

import pytest

from posts.models import AuditEntry, Post
from tests.factories import ChecklistItemFactory, ImageSourceFactory, PostFactory, RevisionFactory, approve, fresh

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("traits", "state"),
    [
        ({}, {"waiting", "visible"}),
        ({"approved": True}, {"visible"}),
        ({"released": True}, {"visible", "approved", "indexable"}),
        ({"released": True, "flagged": True}, {"visible"}),
        ({"flagged": True}, {"visible", "waiting"}),
        ({"held": True}, {"waiting"}),
        ({"released": True, "withdrawn": True}, set()),
    ],
)
def test_a_trait_brings_a_post_into_its_state(traits, state):
    post = PostFactory(**traits)
    names = ("visible", "waiting", "approved", "indexable")
    assert {name for name in names if getattr(Post.objects, name)().contains(post)} == state
    assert post.needs_human_review is traits.get("flagged", False)
    assert post.held is traits.get("held", False)


def test_a_revision_is_what_an_editor_saved():
    first = PostFactory(released=True).live_revision
    revision = RevisionFactory(post=first.post, title="Another title")
    assert (revision.number, revision.snapshot["title"]) == (first.number + 1, "Another title")
    assert AuditEntry.objects.filter(revision=revision, made_by=revision.author).exists()
    assert approve(first.post).live_revision == revision


def test_images_and_items_of_the_checklist_are_added_one_by_one():
    post = PostFactory()
    image = ImageSourceFactory(post=post, caption="The second figure follows.")
    other, item = ImageSourceFactory(post=post), ChecklistItemFactory(post=post, text="Read twice.")
    assert [(one.position, one.caption) for one in (image, other)] == [
        (1, "The second figure follows."),
        (2, "How the queue drains."),
    ]
    assert (item.position, item.post) == (1, post)
    assert len(fresh(post).working_record()["image_sources"]) == 2
    assert ChecklistItemFactory().post.head_revision.number == 1
