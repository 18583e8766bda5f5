"""The images and checklist items of all posts in the admin: lists, pages of their own, changes of many at once."""

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from posts.listing import image_stats
from posts.listing.image_stats import fill_search_keys, store_image_stats
from posts.models import AuditEntry, BulkRow, BulkRun, ChecklistItem, ImageSource, Post, Revision
from posts.operations import NotAllowed, Refused, begin_edit, carry_out, claim_post, confirm_bulk, look_at_rows
from tests.factories import approve, edit, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db

IMAGES, ITEMS = "admin:posts_imagesource_changelist", "admin:posts_checklistitem_changelist"
UNSPLASH, PICTURES = "https://images.unsplash.com/", "https://Pictures.example/"


def signed_in(group="Editors"):
    client = Client()
    client.force_login(person(group))
    return client


def image(address=f"{UNSPLASH}a", **values):
    return {"url": address, "source": "unsplash", **values}


def shown(client, name=IMAGES, **query):
    """Return the texts of the first column of a list."""
    page = client.get(reverse(name), query)
    assert page.status_code == 200
    return [str(row) for row in page.context["cl"].result_list]


def page_of(row):
    return reverse(f"admin:posts_{row._meta.model_name}_change", args=[row.pk])


def form_of(page, **changes):
    form = page.context["form"]
    data = {bound.name: "" if bound.value() is None else bound.value() for bound in form}
    return data | changes


def test_images_are_found_by_host_licence_caption_and_post():
    make_post(slug="draining", image_sources=[image(f"{PICTURES}a.png?x=1", caption="The Queue drains")])
    make_post(title="Restoring", image_sources=[image(caption="Backups", licence="CC BY 4.0")])
    client = signed_in()
    assert len(shown(client)) == 2
    for words in ("pictures.example", PICTURES, f"{PICTURES}a.png", "the queue", "The Queue drains", "draining"):
        assert shown(client, q=words) == ["The Queue drains"]
    for words in ("CC BY 4.0", "backup", "restor"):
        assert shown(client, q=words) == ["Backups"]
    assert shown(client, q="drains") == []


def test_images_are_filtered_by_host_licence_and_missing_alt_text_with_counts():
    make_post(image_sources=[image(caption="one"), image(f"{UNSPLASH}b", caption="two", alt="A wall", licence="CC0")])
    make_post(image_sources=[image(f"{PICTURES}c", caption="three", licence="CC0")])
    client = signed_in()
    page = client.get(reverse(IMAGES)).content.decode()
    for words in ("images.unsplash.com (2)", "pictures.example (1)", "CC0 (2)", "missing (2)"):
        assert words in page
    assert shown(client, host="pictures.example") == ["three"]
    assert shown(client, licence="-") == ["one"]
    assert shown(client, licence="CC0", host="images.unsplash.com") == ["two"]
    assert sorted(shown(client, alt="-")) == ["one", "three"]
    assert shown(client, alt="given") == ["two"]
    assert shown(client, host="nobody.example") == []


def test_a_large_site_shows_the_counts_of_the_job(monkeypatch):
    make_post(image_sources=[image()])
    store_image_stats()
    make_post(image_sources=[image()])
    monkeypatch.setattr(image_stats, "COUNTED_AT_ONCE", 1)
    client = signed_in()
    assert "images.unsplash.com (1)" in client.get(reverse(IMAGES)).content.decode()
    store_image_stats()
    assert "images.unsplash.com (2)" in client.get(reverse(IMAGES)).content.decode()


def test_rows_of_an_earlier_version_of_the_site_are_found_after_the_job():
    make_post(image_sources=[image(caption="Queue")], checklist=["Wait"])
    ImageSource.objects.update(host="", caption_key="")
    ChecklistItem.objects.update(text_key="")
    client = signed_in()
    assert shown(client, host="images.unsplash.com") == shown(client, ITEMS, q="wait") == []
    fill_search_keys()
    assert shown(client, host="images.unsplash.com") == shown(client, q="que") == ["Queue"]
    assert shown(client, ITEMS, q="wait") == ["Wait"]


def test_checklist_items_are_found_by_their_beginning_and_their_post():
    make_post(slug="draining", checklist=["Stop the intake", "Wait"])
    make_post(checklist=["Restore"])
    client = signed_in()
    assert shown(client, ITEMS, q="STOP") == ["Stop the intake"]
    assert sorted(shown(client, ITEMS, q="draining")) == ["Stop the intake", "Wait"]
    assert shown(client, ITEMS, q="intake") == []


def test_saving_one_image_makes_a_revision_of_its_post_and_leaves_all_else():
    post = approve(make_post(image_sources=[image(camera={"iso": 1}, width=10), image(f"{UNSPLASH}b")]))
    before, row = fresh(post).working_record(), post.images.get(position=1)
    client = signed_in()
    page = client.get(page_of(row))
    assert "Readers keep 1.0.0 until the new revision is approved." in " ".join(page.content.decode().split())
    answer = client.post(page_of(row), form_of(page, caption="Queue", alt="A queue", bump="minor", why="Described"))
    assert answer["Location"] == page_of(row)
    after, head = fresh(post), fresh(post).head_revision
    assert after.working_record() == before | {
        "image_sources": [
            {**before["image_sources"][0], "caption": "Queue", "alt": "A queue"},
            before["image_sources"][1],
        ]
    }
    assert (head.version, head.why, head.status) == ("1.1.0", "Described", Revision.Status.DRAFTED)
    assert after.live_revision.version == "1.0.0"
    assert AuditEntry.objects.filter(post=post, action="saved", revision=head).exists()


def test_saving_one_checklist_item_can_submit_its_post():
    post = approve(make_post(checklist=["one", "two\nlines"]))
    client, row = signed_in(), post.checklist_items.get(position=2)
    page = client.get(page_of(row))
    client.post(page_of(row), form_of(page, text="three", _submit="1"))
    after = fresh(post)
    assert after.working_record()["checklist"] == ["one", "three"]
    assert after.awaits_review and after.head_revision.status == Revision.Status.IN_REVIEW


def test_an_unchanged_image_saves_nothing():
    post = approve(make_post(image_sources=[image(alt=' "alt" ', camera=1)], checklist=[" blank before\nand a line"]))
    client = signed_in()
    for row in (post.images.get(), post.checklist_items.get()):
        answer = client.post(page_of(row), form_of(client.get(page_of(row))), follow=True)
        assert "Nothing changed. It is still 1.0.0, and its approval stays." in answer.content.decode()
    assert post.revisions.count() == 1


def test_a_wrong_value_is_told_beside_its_field_and_saves_nothing():
    post = make_post(image_sources=[image()], checklist=["one"])
    client, row = signed_in(), post.images.get()
    answer = client.post(page_of(row), form_of(client.get(page_of(row)), url="ftp://x", caption="Kept"))
    assert answer.status_code == 422
    assert "must be an http or https address" in answer.content.decode() and 'value="Kept"' in answer.content.decode()
    row = post.checklist_items.get()
    answer = client.post(page_of(row), form_of(client.get(page_of(row)), text=" \n"))
    assert answer.status_code == 422
    assert post.revisions.count() == 1


def test_two_people_who_change_one_image_settle_it_on_the_page_of_both_texts():
    post = make_post(image_sources=[image(caption="Old")])
    client, row = signed_in(), post.images.get()
    page = client.get(page_of(row))
    edit(post, image_sources=[image(caption="Theirs")])
    answer = client.post(page_of(row), form_of(page, caption="Mine"))
    assert answer.status_code == 409
    assert "Theirs" in answer.content.decode() and "Mine" in answer.content.decode()
    assert fresh(post).working_record()["image_sources"][0]["caption"] == "Theirs"


def test_a_row_keeps_its_page_when_its_post_is_saved_and_loses_it_when_it_is_removed():
    post = make_post(image_sources=[image(f"{UNSPLASH}{name}") for name in "abc"], checklist=["x", "y"])
    pages = {row.url[-1]: page_of(row) for row in post.images.all()}
    edit(post, image_sources=[image(f"{UNSPLASH}c"), image(f"{UNSPLASH}a", caption="New")], checklist=["y", "z"])
    assert {row.url[-1]: page_of(row) for row in post.images.all()} == {"a": pages["a"], "c": pages["c"]}
    assert signed_in().get(pages["b"]).status_code == 404


def begun(client, name, action, rows, **options):
    """Return the page that follows: a preview, or the form with its errors."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], "select_across": "0", "preview": "1"}
    return client.post(reverse(name), data | options, follow=True)


def words_of(page):
    return " ".join(page.content.decode().split())


def test_a_licence_is_set_for_many_images_after_a_preview():
    live = approve(make_post(title="Live", image_sources=[image(), image(f"{UNSPLASH}b")]))
    pending = make_post(image_sources=[image(), image(f"{UNSPLASH}b", licence="CC0")])
    client = signed_in()
    asked = client.post(reverse(IMAGES), {"action": "set_licence", "_selected_action": live.images.first().pk})
    assert "Set the licence of images" in words_of(asked) and not BulkRun.objects.exists()
    rows = [live.images.first(), *pending.images.all()]
    page = begun(client, IMAGES, "set_licence", rows, licence="CC0", submits="on")
    text = words_of(page)
    assert "Set the licence of images in 2 posts?" in text
    assert "Image 1. Readers keep 1.0.0 until the new revision is approved." in text
    assert fresh(live).revisions.count() == fresh(pending).revisions.count() == 1
    done = client.post(page.redirect_chain[-1][0], {"comment": "As the source says"}, follow=True)
    assert "2 done, 0 refused" in words_of(done) and "Saved as 1.0.1." in words_of(done)
    for post, licences in ((live, ["CC0", ""]), (pending, ["CC0", "CC0"])):
        post = fresh(post)
        assert [row.licence for row in post.images.all()] == licences
        assert post.awaits_review and post.head_revision.why == "As the source says"
    assert fresh(live).live_revision.version == "1.0.0"


def test_a_host_is_replaced_in_everything_that_a_list_shows_and_nowhere_else():
    post = make_post(image_sources=[image(f"{PICTURES}a.png?host=pictures.example"), image()])
    other = make_post(image_sources=[image()])
    client = signed_in()
    page = client.post(
        f"{reverse(IMAGES)}?host=pictures.example",
        {
            "action": "replace_host", "_selected_action": [post.images.first().pk], "select_across": "1",
            "preview": "1", "old": "pictures.example", "new": "cdn.example",
        },
        follow=True,
    )  # fmt: skip
    client.post(page.redirect_chain[-1][0], {})
    assert [row.url for row in fresh(post).images.all()] == [
        "https://cdn.example/a.png?host=pictures.example",
        f"{UNSPLASH}a",
    ]
    assert fresh(post).head_revision.why == "Host pictures.example replaced by cdn.example."
    # It was pending, and stays so.
    assert fresh(post).awaits_review
    assert fresh(other).revisions.count() == 1


def test_a_checklist_item_is_replaced_in_many_posts():
    posts = [make_post(checklist=["Do it", "Wait"]) for _ in range(2)]
    client = signed_in()
    rows = ChecklistItem.objects.filter(position=1)
    page = begun(client, ITEMS, "replace_text", rows, text="Do it now")
    client.post(page.redirect_chain[-1][0], {})
    assert [fresh(post).working_record()["checklist"] for post in posts] == [["Do it now", "Wait"]] * 2


def test_posts_that_a_change_of_many_leaves_out_are_named_with_the_reason():
    claimed, moved, _, fine = (
        make_post(title=name, image_sources=[image(f"{UNSPLASH}{name}", **values)])
        for name, values in (("claimed", {}), ("moved", {}), ("same", {"licence": "CC0"}), ("fine", {}))
    )
    mira, client = person(), signed_in()
    claim_post(claimed, by=mira)
    page = begun(client, IMAGES, "set_licence", ImageSource.objects.all(), licence="CC0")
    text = words_of(page)
    assert "Set the licence of images in 2 posts? 2 will be refused" in text
    assert f"{mira.username} has claimed this until" in text and "This would change nothing." in text
    edit(moved, summary="Another.")
    done = words_of(client.post(page.redirect_chain[-1][0], {}, follow=True))
    assert "1 done, 3 refused" in done and "was saved in the meantime" in done
    assert {post.title for post in Post.objects.filter(head_revision__snapshot__contains="CC0")} == {"same", "fine"}
    assert fine.revisions.count() == 2 and claimed.revisions.count() == 1


@pytest.mark.parametrize(
    ("action", "options", "said"),
    [
        ("set_licence", {"licence": "x" * 301}, "at most 300 characters"),
        ("replace_host", {"old": "images.unsplash.com", "new": "a/b"}, "Enter both hosts"),
        ("replace_host", {"old": "images.unsplash.com", "new": "a b"}, "Enter both hosts"),
        ("replace_host", {"old": "images.unsplash.com", "new": ""}, "This field is required."),
    ],
)
def test_a_change_of_many_with_wrong_values_is_refused_before_the_preview(action, options, said):
    make_post(image_sources=[image()])
    page = begun(signed_in(), IMAGES, action, ImageSource.objects.all(), **options)
    assert page.status_code == 422 and said in words_of(page)
    assert not BulkRun.objects.exists()


def test_a_change_of_more_posts_than_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("posts.operations.bulk.MOST_EDITED", 1)
    for _ in range(2):
        make_post(image_sources=[image()])
    page = begun(signed_in(), IMAGES, "set_licence", ImageSource.objects.all(), licence="CC0")
    assert "These are in more than 1 posts. Narrow the list with a filter." in words_of(page)
    assert not BulkRun.objects.exists() and not BulkRow.objects.exists()


def test_only_people_who_may_change_posts_change_rows():
    post = make_post(image_sources=[image()], checklist=["one"])
    staff = person("Staff")
    client = Client()
    client.force_login(staff)
    page = client.get(reverse(IMAGES))
    assert page.status_code == 200 and "Set the licence" not in page.content.decode()
    row = client.get(page_of(post.images.get()))
    assert row.status_code == 200 and "Save and submit" not in row.content.decode()
    assert client.post(page_of(post.images.get()), form_of(row, caption="x")).status_code == 403
    with pytest.raises(NotAllowed):
        begin_edit("licence", {"licence": "CC0"}, by=staff, rows=ImageSource.objects.all())
    run = look_at_rows(begin_edit("licence", {"licence": "CC0"}, by=person("Editors"), rows=ImageSource.objects.all()))
    with pytest.raises(NotAllowed):
        confirm_bulk(run, by=person("Editors"))
    with pytest.raises(NotAllowed):
        confirm_bulk(run, by=staff)
    with pytest.raises(Refused, match="Choose an action"):
        begin_edit("approve", {}, by=person(), rows=ImageSource.objects.all())
    assert post.revisions.count() == 1


def test_a_row_that_the_person_may_not_change_is_refused_in_the_preview(client):
    """To edit a pending post in bulk takes the right to submit it, which not everybody who edits has."""
    make_post(image_sources=[image()])
    editor = User.objects.create_user("edits-only", is_staff=True)
    for codename in ("change_post", "view_post", "view_imagesource"):
        editor.user_permissions.add(Permission.objects.get(codename=codename))
    change = {"licence": "CC0", "submits": False}
    run = look_at_rows(begin_edit(BulkRun.Act.LICENCE, change, by=editor, rows=ImageSource.objects.all()))
    assert run.state == BulkRun.State.READY
    assert [(row.outcome, "does not have the right" in row.obstacle) for row in run.rows.all()] == [
        (BulkRow.Outcome.WILL_REFUSE, True)
    ]


def test_a_bulk_action_that_nobody_confirmed_is_not_carried_out():
    make_post(image_sources=[image()])
    rows = ImageSource.objects.all()
    run = look_at_rows(begin_edit(BulkRun.Act.LICENCE, {"licence": "CC0"}, by=person("Editors"), rows=rows))
    with pytest.raises(Refused, match="Nobody has confirmed"):
        carry_out(run)
    assert Revision.objects.count() == 1


@pytest.mark.once
def test_the_lists_cost_the_same_for_one_row_and_for_thirty(django_assert_max_num_queries):
    client = signed_in()
    make_post(image_sources=[image(f"{UNSPLASH}{number}") for number in range(2)], checklist=["a", "b"])
    counts = []
    for _ in range(2):
        with django_assert_max_num_queries(14) as images:
            client.get(reverse(IMAGES))
        with django_assert_max_num_queries(14) as items:
            client.get(reverse(ITEMS))
        counts.append((len(images), len(items)))
        for _ in range(10):
            make_post(image_sources=[image(f"{UNSPLASH}{number}") for number in range(3)], checklist=["a", "b", "c"])
    assert counts[0] == counts[1]


def test_an_import_writes_what_images_and_items_are_searched_by():
    import_records({"source_id": "a", "title": "A", "body": "x", "checklist": ["Üben"], "image_sources": [image()]})
    record = Post.objects.get().working_record()
    assert ImageSource.objects.get().host == "images.unsplash.com" and ChecklistItem.objects.get().text_key == "üben"
    assert "host" not in json.dumps(record)
