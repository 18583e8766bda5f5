import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from posts.admin.posts.actions import ACTIONS
from posts.models import AuditEntry, Post, Review, Revision
from posts.operations import record_revision
from tests.factories import FORM_ALL_MET, RecordFactory, approve, edit, import_records, make_post, person

pytestmark = pytest.mark.django_db


def address(post, act=None):
    return (
        reverse("admin:posts_post_act", args=[post.pk, act])
        if act
        else reverse("admin:posts_post_change", args=[post.pk])
    )


def form_data(page, **changes):
    """Return what a browser would send for the page's form, with some fields replaced."""
    form, images, checklist = page.context["shown"].form, page.context["shown"].images, page.context["shown"].checklist
    data = {"why": "", "bump": "patch"}
    for bound in form:
        if hasattr(bound.field.widget, "parts"):
            rows = bound.field.prepare_value(bound.value()) or []
            for index, (part, _) in enumerate(bound.field.widget.parts):
                data[f"{bound.name}-{part}"] = [row[index] for row in rows]
        elif bound.name not in ("why", "bump"):
            value = bound.field.prepare_value(bound.value())
            data[bound.name] = "" if value is None else value
    for formset in filter(None, (images, checklist)):
        for bound in formset.management_form:
            data[bound.html_name] = bound.value()
        for row in formset:
            for bound in row:
                if bound.name != "DELETE":
                    data[bound.html_name] = "" if bound.value() is None else bound.value()
    return data | changes


def saved(client, post, **changes):
    page = client.get(address(post))
    return client.post(address(post), form_data(page, **changes), follow=True)


FULL = {
    "image_sources": [
        {"source": "unsplash", "url": "https://images.unsplash.com/a", "caption": "c", "camera": "kept", "width": 1200}
    ],
    "checklist": ["one", "two"],
    "entities": [{"name": "Go", "type": "stack", "weight": 3}],
    "payload": {"seed": 1, "nested": {"a": [1, None]}},
    "ai_outline": {"b": "2", "a": "1"},
    "notes": ["n"],
    "score": {"quality": 84},
    "unknown": {"kept": True},
    "published_on": "2026-05-01",
    "reading_time": 7,
    "tags": ["t"],
    "authors": ["A"],
    "flags": {"has_images": 1, "needs_human_review": 0},
}


def test_saving_a_form_as_it_opened_makes_no_revision_and_keeps_the_approval(client):
    post = make_post(**FULL, released=True)
    client.force_login(person("Editors"))
    page = saved(client, post)
    assert "Nothing changed. It is still 1.0.0, and its approval stays." in page.content.decode()
    post.refresh_from_db()
    assert post.revisions.count() == 1 and post.is_indexable


def test_an_edit_is_saved_as_the_next_version_and_no_live_byte_changes(client):
    post = make_post(**FULL, released=True)
    before = client.get(post.get_absolute_url()).content
    client.force_login(person("Editors"))
    page = saved(client, post, summary="Other words.", bump="minor", why="Clearer.")
    assert "Saved as 1.1.0. Readers still see 1.0.0." in page.content.decode()
    post.refresh_from_db()
    head = post.head_revision
    assert (head.snapshot["summary"], head.why, head.author.groups.get().name) == (
        "Other words.",
        "Clearer.",
        "Editors",
    )
    unseen = ("unknown", "score", "flags", "entities", "image_sources", "payload")
    assert {key: head.snapshot[key] for key in unseen} == {key: FULL[key] for key in unseen}
    client.logout()
    assert client.get(post.get_absolute_url()).content == before


def test_lists_are_edited_as_rows_and_an_emptied_row_is_gone(client):
    post = make_post(stack=["Go", "backend"], ai_outline={"a": "1"}, checklist=["one", "two", "three"])
    client.force_login(person("Editors"))
    saved(
        client,
        post,
        **{
            "stack-value": ["Go", "", "PostgreSQL"],
            "ai_outline-label": ["z", "a"],
            "ai_outline-text": ["0", "1"],
            "checklist-0-position": "3",
            "checklist-2-position": "1",
            "checklist-1-DELETE": "on",
            "entities-name": ["Go"],
            "entities-type": [""],
            "entities-extra": [""],
        },
    )
    post.refresh_from_db()
    assert post.stack == ["Go", "PostgreSQL"]
    assert list(post.ai_outline) == ["z", "a"]
    assert [item.text for item in post.checklist_items.all()] == ["three", "one"]
    assert post.entities == [{"name": "Go"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": ""}, "Title is empty"),
        ({"body": "a\x00b"}, "Null characters are not allowed"),
        ({"payload_rest": "{not json"}, "This is not JSON (line 1, column 2)"),
        ({"payload_rest": '{"seed": [1]}'}, "“seed” is already used above"),
        ({"images-0-url": "ftp://x/a.jpg"}, "URL must be an http or https address"),
        ({"images-0-width_px": "0"}, "Width, px"),
        ({"reading_time": "soon"}, "Enter a whole number"),
        ({"published_on": "tomorrow"}, "Enter a valid date"),
        ({"checklist-0-text": "x" * 2001}, "Text can have at most 2,000 characters"),
        ({"ai_outline-label": [""], "ai_outline-text": ["x"]}, "Every line needs a label"),
    ],
)
def test_an_error_names_the_field_keeps_the_typed_text_and_saves_nothing(client, changes, message):
    post = make_post(**FULL)
    client.force_login(person("Editors"))
    page = client.get(address(post))
    answer = client.post(address(post), form_data(page, summary="Typed and kept.", **changes))
    assert answer.status_code == 422
    assert message in answer.content.decode() and "Typed and kept." in answer.content.decode()
    assert post.revisions.count() == 1


def conflict_data(page, **changes):
    """Return what a browser would send for the conflict page, with choices made."""
    context = page.context
    sent = {"head": context["post"].head_revision_id, "opened": context["opened"].pk, "mine": context["mine"]}
    return sent | {"bump": context["bump"], "why": context["why"]} | changes


def test_a_stale_save_merges_what_only_one_changed_and_asks_about_the_rest(client):
    record = RecordFactory(
        summary="Old.", body="one\n\ntwo\n\nthree", notes=["n"], checklist=["a", "b"], tags=["t"], camera={"kept": True}
    )
    import_records(record)
    post = Post.objects.get()
    client.force_login(person("Editors"))
    page = client.get(address(post))
    import_records(
        record | {"summary": "From the import.", "body": "ONE\n\ntwo\n\nthree", "notes": ["n", "new"], "tags": []}
    )
    answer = client.post(
        address(post),
        form_data(page, summary="Mine.", body="one\r\n\r\ntwo\r\n\r\nTHREE", topic="My topic", why="Better."),
    )
    content = answer.content.decode()
    assert answer.status_code == 409
    assert "An import saved this post while you were editing" in content
    assert "From the import." in content and "Mine." in content
    assert [clash["name"] for clash in answer.context["clashes"]] == ["Summary, paragraph 1"]
    origins = {row["label"]: row["origin"] for row in answer.context["settled"]}
    assert origins == {"Body": "together", "Topic": "mine", "Notes": "theirs", "Tags": "theirs"}
    merge = reverse("admin:posts_post_merge", args=[post.pk])
    unchosen = client.post(merge, conflict_data(answer))
    assert unchosen.status_code == 422
    assert "Choose a version of Summary, paragraph 1 first." in unchosen.content.decode()
    clash = answer.context["clashes"][0]["id"]
    choice = {f"choice-{clash}": "both", f"both-{clash}": "From the import, and mine."}
    saved_page = client.post(merge, conflict_data(answer, **choice), follow=True)
    assert "Saved as 1.0.2." in saved_page.content.decode()
    head = Post.objects.get().head_revision
    assert head.why == "Better."
    assert head.snapshot["summary"] == "From the import, and mine."
    assert head.snapshot["body"] == "ONE\n\ntwo\n\nTHREE"
    assert (head.snapshot["topic"], head.snapshot["notes"]) == ("My topic", ["n", "new"])
    assert "tags" not in head.snapshot and head.snapshot["camera"] == {"kept": True}


def test_a_merge_that_is_stale_itself_is_asked_for_again(client):
    post = make_post(summary="Old.")
    client.force_login(person("Editors"))
    page = client.get(address(post))
    for words in ("Theirs.", "Theirs again."):
        import_records({**RecordFactory(source_id=post.source_id, title=post.title), "summary": words})
        if words == "Theirs.":
            conflict = client.post(address(post), form_data(page, summary="Mine."))
    merge = reverse("admin:posts_post_merge", args=[post.pk])
    answer = client.post(merge, conflict_data(conflict, **{"choice-summary-0": "mine"}))
    assert answer.status_code == 409 and "Theirs again." in answer.content.decode()
    done = client.post(merge, conflict_data(answer, **{"choice-summary-0": "mine"}), follow=True)
    assert "Saved as 1.0.3." in done.content.decode()
    assert Post.objects.get().summary == "Mine."


def test_a_stale_form_with_an_error_is_corrected_first(client):
    post = make_post(summary="Old.")
    client.force_login(person("Editors"))
    page = client.get(address(post))
    import_records({**RecordFactory(source_id=post.source_id), "summary": "From the import."})
    answer = client.post(address(post), form_data(page, title="", summary="Mine."))
    assert answer.status_code == 422 and "Mine." in answer.content.decode()
    answer = client.post(address(post), form_data(answer, title=post.title))
    assert answer.status_code == 409 and "From the import." in answer.content.decode()


def test_a_post_is_typed_submitted_and_opened(client):
    client.force_login(person("Editors"))
    add = reverse("admin:posts_post_add")
    page = client.get(add)
    answer = client.post(add, form_data(page, title="Typed here", body="## Words", _submit="1"), follow=True)
    assert "It is now pending review." in answer.content.decode()
    assert Post.objects.waiting().get().title == "Typed here"


def decision(client, post, **changes):
    page = client.get(address(post))
    form = page.context["state"].deciding.form
    data = {name: form[name].value() or "" for name in form.fields}
    return client.post(address(post, "decide"), data | changes, follow=True)


def test_a_reviewer_approves_and_the_page_opens_to_search_engines(client):
    post = make_post(checklist=["one"])
    client.force_login(person())
    refused = decision(client, post, outcome="approved", comment="Read it twice.")
    assert refused.status_code == 422
    assert "3 of the review guideline not answered" in refused.content.decode()
    assert "Read it twice." in refused.content.decode()
    done = decision(client, post, outcome="approved", **FORM_ALL_MET)
    assert "Approved. Readers see 1.0.0 now. Search engines: open." in done.content.decode()
    assert "X-Robots-Tag" not in client.get(post.get_absolute_url()).headers


def test_a_decision_from_a_stale_page_is_refused_with_409(client):
    post = make_post()
    client.force_login(person())
    answer = decision(client, post, outcome="approved", fingerprint="0" * 64)
    assert answer.status_code == 409 and not Review.objects.exists()


def test_a_reviewer_flags_clears_rolls_back_withdraws_releases_and_restores_from_the_page(client):
    post = make_post(released=True, summary="First.")
    client.force_login(person())
    saved(client, post, summary="Second.")
    approve(post)
    steps = [
        ("flag", {"flag-note": "Numbers?"}, "Flagged."),
        ("clear-flag", {"why": "They are right."}, "The flag is cleared."),
        ("roll-back", {"why": "Wrong."}, "Rolled back. Readers see 1.0.0 now."),
        ("withdraw", {"why": "Asked to."}, "Withdrawn"),
        ("restore", {"number": "1", "why": ""}, "Restored 1.0.0 as 1.0.2."),
        ("change-address", {"slug": "elsewhere"}, "The address is /posts/elsewhere/ now"),
    ]
    for act, data, message in steps:
        if act == "clear-flag":
            data["flag"] = post.review_flags.get().pk
        answer = client.post(address(post, act), data, follow=True)
        assert message in answer.content.decode(), act
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-6:] == ["flagged", "flag cleared", "rolled back", "withdrawn", "restored", "address changed"]


# What each group may do, act by act. 403 is the answer to everybody else, and nothing changes.
MAY = {
    "decide": {"Reviewers"},
    "flag": {"Reviewers", "Staff"},
    "clear-flag": {"Reviewers", "Staff"},
    "roll-back": {"Reviewers"},
    "withdraw": {"Reviewers", "Staff"},
    "release": {"Reviewers"},
    "restore": {"Editors", "Reviewers"},
    "submit": {"Editors", "Reviewers"},
    "change-address": {"Reviewers"},
    "change-view-count": {"Editors", "Reviewers"},
}


@pytest.mark.once
@pytest.mark.parametrize("group", ["Editors", "Reviewers", "Staff", None])
@pytest.mark.parametrize("act", MAY)
def test_each_act_is_for_its_groups_and_by_post_only(client, act, group):
    post = make_post(released=True, flagged=True)
    assert set(MAY) == set(ACTIONS)
    if group:
        client.force_login(person(group))
        assert client.get(address(post, act)).status_code == 405
    before = list(Post.objects.values()), AuditEntry.objects.count()
    data = {
        "fingerprint": post.head_revision.fingerprint,
        "flags_seen": str(post.review_flags.get().pk),
        "outcome": "approved",
        **FORM_ALL_MET,
        "flag-note": "x",
        "flag": str(post.review_flags.get().pk),
        "why": "x",
        "number": "1",
        "slug": "another-slug",
    }
    answer = client.post(address(post, act), data)
    if group is None:
        assert answer.status_code == 403 and "You are signed out" in answer.content.decode()
    elif group in MAY[act]:
        assert answer.status_code in (302, 422)
        return
    else:
        assert answer.status_code == 403
    assert (list(Post.objects.values()), AuditEntry.objects.count()) == before


@pytest.mark.parametrize(
    ("group", "editing", "adding", "merging"),
    [("Editors", 200, 200, 400), ("Reviewers", 200, 200, 400), ("Staff", 403, 403, 403), (None, 302, 302, 302)],
)
def test_side_views_are_for_who_may_edit(client, group, editing, adding, merging):
    post = make_post()
    data = {}
    if group:
        client.force_login(person(group))
        page = client.get(address(post))
        data = form_data(page, summary="New.")
        assert ("Save and submit" in page.content.decode()) is (editing == 200)
    assert client.post(address(post), data, follow=editing == 200).status_code == editing
    assert client.get(reverse("admin:posts_post_add")).status_code == adding
    merge = reverse("admin:posts_post_merge", args=[post.pk])
    assert client.post(merge, {"mine": "{"}).status_code == merging
    if group:
        assert client.get(merge).status_code == 405
        assert client.get(reverse("admin:posts_post_preview", args=[post.pk])).status_code == 200
    post.refresh_from_db()
    assert post.revisions.count() == (2 if editing == 200 else 1)


def test_acts_need_the_token_against_forgery(superuser):
    post = make_post()
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    answer = client.post(address(post, "withdraw"))
    page = answer.content.decode()
    assert answer.status_code == 403 and "<title>This form has expired" in page and "permission" not in page
    assert Post.objects.get().withdrawn_at is None


def test_a_refused_act_keeps_what_was_typed(client):
    post = make_post(released=True)
    client.force_login(person())
    answer = client.post(address(post, "change-address"), {"slug": "Not A Slug"})
    assert answer.status_code == 422 and 'value="Not A Slug"' in answer.content.decode()
    answer = client.post(address(post, "roll-back"), {"why": "Because of this."})
    assert answer.status_code == 422 and "Because of this." in answer.content.decode()


def test_lists_too_long_for_a_form_stay_as_they_are(client):
    tags, points = [f"t{n}" for n in range(300)], [f"p{n}" for n in range(300)]
    post = make_post(tags=tags, checklist=points)
    client.force_login(person("Editors"))
    page = client.get(address(post))
    assert "Tags has 300 values, too many for a form." in page.content.decode()
    client.post(address(post), form_data(page, summary="New."))
    head = Post.objects.get().head_revision
    assert (head.version, head.snapshot["tags"], head.snapshot["checklist"]) == ("1.0.1", tags, points)


def test_a_superuser_keeps_the_accounts_in_the_same_admin(client, superuser):
    client.force_login(superuser)
    for name in ("user", "group"):
        assert client.get(reverse(f"admin:auth_{name}_changelist")).status_code == 200
    client.force_login(person("Reviewers"))
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403


@pytest.mark.parametrize("number", ["123abc", "-1", str(2**63), "99999999999999999999", "..", "0"])
def test_a_number_of_no_post_is_not_found(client, superuser, number):
    client.force_login(superuser)
    for where in ("change/", "preview/", "do/flag/"):
        assert client.post(f"/admin/posts/post/{number}/{where}", {"flag-note": "x"}).status_code == 404


def test_a_draft_is_previewed_as_readers_would_see_it_and_kept_from_caches(client):
    post = make_post(released=True)
    client.force_login(person("Editors"))
    saved(client, post, summary="Only in the draft.")
    answer = client.get(reverse("admin:posts_post_preview", args=[post.pk]))
    assert "Only in the draft." in answer.content.decode()
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    client.logout()
    assert client.get(reverse("admin:posts_post_preview", args=[post.pk])).status_code == 302


def test_a_list_costs_the_same_with_one_post_and_with_thirty(client, django_assert_num_queries, superuser):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.force_login(superuser)
    make_post()
    make_post(released=True, flagged=True)
    models = ["post", "revision", "review", "reviewflag", "release", "auditentry", "importbatch", "importissue"]
    addresses = [reverse("admin:index"), *(reverse(f"admin:posts_{name}_changelist") for name in models)]
    costs = []
    for _ in range(2):
        counts = []
        for where in addresses:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(where).status_code == 200
            counts.append(len(queries))
        costs.append(counts)
        import_records(*[RecordFactory() for _ in range(20)], RecordFactory(title=7))
        for post in Post.objects.filter(live_revision=None)[:9]:
            approve(post)
    assert costs[0] == costs[1]
    dashboard, *lists = costs[0]
    # One of them for what superusers approved of their own.
    assert dashboard <= 24
    assert max(lists) <= 12


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("drain", True),
        ("DRAINING WOR", True),
        ("workers", False),
        ("id-1", True),
        ("ref-1", True),
        ("the-slug", True),
        ("%", False),
    ],
)
def test_posts_are_found_by_the_beginning_of_the_title_or_a_whole_identity(client, superuser, question, found):
    make_post(title="Draining workers", source_id="id-1", reference="ref-1", slug="the-slug")
    client.force_login(superuser)
    page = client.get(reverse("admin:posts_post_changelist"), {"q": question})
    assert page.status_code == 200
    assert ("Draining workers" in page.content.decode()) is found


@pytest.mark.parametrize(
    "query", ["place=waiting", "place=open", "status=approved", "place=nonsense", "difficulty=x", "p=7"]
)
def test_every_filter_answers(client, superuser, query):
    make_post()
    client.force_login(superuser)
    answer = client.get(reverse("admin:posts_post_changelist") + "?" + query)
    assert answer.status_code in (200, 302)


def test_actions_of_the_list_go_through_the_operations(client):
    flagged, typed = make_post(), make_post()
    client.force_login(person())
    where = reverse("admin:posts_post_changelist")
    for action, title in [
        ("flag_selected", "Flagged: 2. Refused: 0."),
        ("withdraw_selected", "Withdrawn: 2. Refused: 0."),
        ("withdraw_selected", "Withdrawn: 0. Refused: 2."),
    ]:
        page = client.post(where, {"action": action, "_selected_action": [flagged.pk, typed.pk]})
        assert title in page.content.decode()
    assert page.content.decode().count("The post is already withdrawn.") == 2
    assert Post.objects.filter(withdrawn_at=None).count() == 0


def test_an_act_on_all_posts_of_a_long_list_changes_nothing(client, monkeypatch):
    posts = [make_post() for _ in range(3)]
    monkeypatch.setattr("posts.admin.posts.list.BULK_LIMIT", 2)
    client.force_login(person())
    data = {"action": "withdraw_selected", "_selected_action": [posts[0].pk], "select_across": "1"}
    page = client.post(reverse("admin:posts_post_changelist"), data, follow=True)
    assert "You selected more than 2 posts. Nothing was changed." in page.content.decode()
    assert Post.objects.filter(withdrawn_at=None).count() == 3


def test_an_editor_has_no_action_that_an_editor_may_not_take(client):
    post = make_post()
    client.force_login(person("Editors"))
    page = client.get(reverse("admin:posts_post_changelist")).content.decode()
    assert "Submit for review" in page and "Flag for human review" not in page
    data = {"action": "withdraw_selected", "_selected_action": [post.pk]}
    client.post(reverse("admin:posts_post_changelist"), data, follow=True)
    post.refresh_from_db()
    assert post.withdrawn_at is None


def test_nothing_is_deleted_and_records_are_read_only(client, superuser):
    post = make_post(released=True)
    client.force_login(superuser)
    assert client.post(f"/admin/posts/post/{post.pk}/delete/", {"post": "yes"}).status_code == 403
    for model in (Revision, Review):
        row = model.objects.first()
        where = f"/admin/posts/{model._meta.model_name}/{row.pk}/change/"
        assert client.get(where).status_code == 200
        assert client.post(where, {"status": "approved"}).status_code in (403, 405)
    assert Post.objects.exists()


def test_every_name_in_an_admin_class_means_something():
    for model, admin in site._registry.items():
        if model._meta.app_label != "posts":
            continue
        fields = {field.name for field in model._meta.get_fields()}
        for name in [*admin.list_display, *admin.readonly_fields, *(admin.fields or ())]:
            assert name in fields or hasattr(admin, name), f"{admin}: {name}"
        for name in admin.actions or ():
            assert callable(getattr(admin, name))


def test_texts_of_a_post_are_escaped_everywhere_in_the_admin(client, superuser):
    payload = '"><script>alert(1)</script>'
    post = make_post(title=payload, summary=payload, notes=[payload], payload={payload: payload}, checklist=[payload])
    client.force_login(superuser)
    for where in (
        address(post),
        reverse("admin:posts_post_changelist"),
        reverse("admin:posts_revision_change", args=[post.head_revision_id]),
        reverse("admin:posts_post_preview", args=[post.pk]),
        reverse("admin:index"),
    ):
        page = client.get(where).content.decode()
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in client.get(address(post)).content.decode()


def test_a_row_moved_to_a_number_stands_there_and_the_others_make_room(client):
    post = make_post(checklist=["one", "two", "three"])
    client.force_login(person("Editors"))
    saved(client, post, **{"checklist-2-position": "1"})
    assert [item.text for item in post.checklist_items.all()] == ["three", "one", "two"]
    saved(client, post, **{"checklist-0-position": "2"})
    assert [item.text for item in post.checklist_items.all()] == ["one", "three", "two"]
    saved(client, post, **{"checklist-3-text": "first", "checklist-3-position": "1"})
    assert [item.text for item in post.checklist_items.all()] == ["first", "one", "three", "two"]


def test_a_save_says_that_an_unreviewed_text_stands_before_readers_at_once(client, settings):
    import_records(RecordFactory())
    post = Post.objects.get()
    client.force_login(person("Editors"))
    page = saved(client, post, summary="Other words.")
    head = Post.objects.get().head_revision.version
    assert f"Saved as {head}. Readers see {head} now, unlisted and marked as not reviewed." in page.content.decode()
    settings.UNREVIEWED_POSTS = "hidden"
    page = saved(client, post, summary="Other words again.")
    assert "Readers see nothing before its release." in page.content.decode()


@pytest.mark.parametrize("kind", ["user", "group"])
def test_groups_and_rights_are_ticked_one_by_one(client, superuser, kind):
    client.force_login(superuser)
    key = superuser.pk if kind == "user" else Group.objects.get(name="Editors").pk
    html = client.get(reverse(f"admin:auth_{kind}_change", args=[key])).content.decode()
    fields = {"user": ["groups", "user_permissions"], "group": ["permissions"]}[kind]
    for name in fields:
        assert f'<input type="checkbox" name="{name}"' in html
        # The list that its window expects is missing here.
        assert f"add_id_{name}" not in html


def test_no_record_shows_the_innards_of_a_program(client, superuser):
    client.force_login(superuser)
    post = make_post(released=True, flagged=True)
    review = post.live_approval
    assert review.way_back
    import_records(RecordFactory(title=7))
    for name in ("revision", "review", "reviewflag", "release", "auditentry", "importbatch", "importissue"):
        row = apps.get_model("posts", name).objects.order_by("-pk").first()
        page = client.get(reverse(f"admin:posts_{name}_change", args=[row.pk])).content.decode()
        assert "{&#x27;" not in page and "[&#x27;" not in page, name
    page = client.get(reverse("admin:posts_review_change", args=[review.pk])).content.decode()
    assert "Every number has a source or says how it was measured. <strong>Met</strong>" in page


def test_the_history_is_a_page_of_its_own_that_the_form_leads_to(client):
    by = person("Editors")
    post = make_post(released=True)
    edit(post, by=by, summary="Changed by an editor.")
    client.force_login(by)
    history = reverse("admin:posts_post_history", args=[post.pk])
    form = client.get(address(post)).content.decode()
    assert f'data-load="{history}"' in form and f'<a href="{history}"' in form
    # What only the history shows costs the form nothing.
    assert "Table of revisions" not in form and "Audit trail" not in form.partition("<main")[2]
    page = client.get(history).content.decode()
    versions = [revision.version for revision in post.revisions.all()]
    assert len(versions) == 2 and all(version in page for version in versions)
    assert "released" in page and "Full audit trail of this post" in page
    assert f"Restore {versions[-1]}" in page


def test_posts_are_filtered_by_the_status_of_their_proposed_revision_and_none_is_superseded(client, superuser):
    client.force_login(superuser)
    approved, waiting = approve(make_post(title="Approved text")), make_post(title="Waiting text")
    edited = record_revision(waiting, {**waiting.working_record(), "summary": "Later."}, by=superuser)
    assert (edited.status, edited.post.revisions.get(number=1).status) == ("drafted", "superseded")
    where = reverse("admin:posts_post_changelist")
    page = client.get(where, {"status": "approved"}).content.decode()
    assert approved.title in page and waiting.title not in page
    assert "?status=rejected" in page and "?status=superseded" not in page
    page = client.get(where, {"status": "superseded"}).content.decode()
    assert approved.title in page and waiting.title in page
