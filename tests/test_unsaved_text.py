"""What a person typed into the form of a post and did not save: kept for this person alone, offered, thrown away."""

import datetime
import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.models import Post, UnsavedText
from posts.operations import NotAllowed, Refused
from posts.operations.tasks import forget_unsaved_texts
from posts.operations.unsaved_texts import MAX_BYTES, MOST_TEXTS, keep_unsaved_text
from tests.factories import edit, make_post, person
from tests.test_admin import form_data

pytestmark = pytest.mark.django_db
HOSTILE = 'Naïve\n</textarea><script>alert(1)</script> & "quoted" \U0001f701'


def signed_in(by):
    client = Client()
    client.force_login(by)
    return client


def address(post):
    return reverse("admin:posts_post_change", args=[post.pk]) if post else reverse("admin:posts_post_add")


def keeping(post):
    return reverse("admin:posts_post_unsaved", args=[post.pk]) if post else reverse("admin:posts_post_unsaved_new")


def windows_of(page):
    """Return the hidden fields that say which window a form is."""
    found = re.findall(r'name="(unsaved_\w+)" value="(\w*)"', page.content.decode())
    # The form of an offer has a field of the same name before it.
    return dict(found)


def opened(client, post, **changes):
    """Return what the form sends that a person opened and typed into."""
    page = client.get(address(post))
    return {**form_data(page), **windows_of(page), **changes}


def keep(client, post, sent, by):
    return client.post(keeping(post), {**sent, "act": "keep", "person": by.pk})


@pytest.fixture
def by(db):
    return person("Editors")


@pytest.fixture
def desk(by):
    return signed_in(by)


@pytest.mark.parametrize("is_new", [False, True])
def test_lost_text_is_offered_on_any_machine_restored_whole_and_saved_once(desk, by, is_new):
    post = None if is_new else make_post(checklist=["one"], tools=["make"])
    rows = {"checklist-TOTAL_FORMS": "2", "checklist-0-text": "first", "checklist-1-text": HOSTILE}
    sent = opened(desk, post, title="Lost", body=HOSTILE, why="Because", **{"tools-value": ["go", "make"]}, **rows)
    answer = keep(desk, post, sent, by)
    assert answer.status_code == 200 and re.fullmatch(r"\d\d:\d\d", answer.json()["kept_at"])
    assert "private, no-store" in answer.headers["Cache-Control"]
    elsewhere = signed_in(by)
    page = elsewhere.get(address(post))
    assert (
        "You have unsaved text from" in page.content.decode() and page.context["shown"].form["title"].value() != "Lost"
    )
    page = elsewhere.get(f"{address(post)}?restore")
    html = page.content.decode()
    assert "This is your unsaved text from" in html and "<script>alert" not in html and "data-is-changed" in html
    form = {**form_data(page), **windows_of(page)}
    assert (form["title"], form["why"] or "Because", form["tools-value"]) == ("Lost", "Because", ["go", "make"])
    before = Post.objects.count()
    assert elsewhere.post(address(post), form).status_code == 302
    saved = Post.objects.latest("pk") if is_new else Post.objects.get(pk=post.pk)
    record = saved.working_record()
    assert (record["title"], record["body"], record["checklist"]) == ("Lost", HOSTILE, ["first", HOSTILE])
    assert saved.revisions.count() == (1 if is_new else 2) and Post.objects.count() == before + is_new
    assert not UnsavedText.objects.exists()
    assert "unsaved text from" not in elsewhere.get(address(post)).content.decode()


def test_nobody_else_is_offered_the_text_or_can_discard_it(desk, by):
    post = make_post()
    sent = opened(desk, post, title="Mine alone")
    keep(desk, post, sent, by)
    for group in ("Editors", "Reviewers", "Staff"):
        other = signed_in(person(group))
        for place in (address(post), f"{address(post)}?restore", reverse("admin:index")):
            html = other.get(place).content.decode()
            assert "Mine alone" not in html and "unsaved text from" not in html
        other.post(keeping(post), {"act": "discard", "unsaved_window": sent["unsaved_window"]})
    assert UnsavedText.objects.get().owner == by
    assert not any("Mine alone" in str(revision.snapshot) for revision in post.revisions.all())


def test_text_is_kept_only_from_a_person_who_could_save_it(desk, by):
    post = make_post()
    sent = opened(desk, post)
    staff = person("Staff")
    assert keep(signed_in(staff), post, sent, staff).status_code == 403
    assert keep(signed_in(staff), None, sent, staff).status_code == 403
    assert keep(Client(), post, sent, by).status_code == 302
    with pytest.raises(NotAllowed, match="does not have the right"):
        keep_unsaved_text(post, [], window="0" * 32, replaces="", by=staff)
    assert not UnsavedText.objects.exists()


def test_a_form_left_open_does_not_keep_its_text_for_the_next_person_who_signs_in(desk, by):
    post, next_person = make_post(), person("Editors")
    answer = keep(signed_in(next_person), post, opened(desk, post, title="Mine"), by)
    assert answer.status_code == 409 and "Another person signed in" in answer.json()["problem"]
    assert not UnsavedText.objects.exists()


def test_two_windows_never_overwrite_each_other_until_one_restores_the_text_of_the_other(desk, by):
    post = make_post()
    first, second = opened(desk, post, title="First"), opened(desk, post, title="Second")
    assert keep(desk, post, first, by).status_code == 200
    answer = keep(desk, post, second, by)
    assert answer.status_code == 409 and "Restore or discard it first" in answer.json()["problem"]
    assert keep(desk, post, first | {"title": "First, longer"}, by).status_code == 200
    page = desk.get(f"{address(post)}?restore")
    restored = {**form_data(page), **windows_of(page), "title": "Restored"}
    assert keep(desk, post, restored, by).status_code == 200
    assert keep(desk, post, restored | {"title": "Restored, longer"}, by).status_code == 200
    assert keep(desk, post, first, by).status_code == 409
    assert UnsavedText.objects.get().sent()["title"] == "Restored, longer"
    # Saving one window keeps the text of another.
    assert desk.post(address(post), second).status_code == 302
    assert UnsavedText.objects.get().sent()["title"] == "Restored, longer"


def test_an_offer_says_that_the_post_changed_since_and_saving_shows_both_texts(desk, by):
    post = make_post(summary="One.")
    keep(desk, post, opened(desk, post, summary="Mine."), by)
    assert "Since then the post changed" not in desk.get(address(post)).content.decode()
    edit(post, summary="Theirs.")
    assert "Since then the post changed: it is 1.0.1 now." in desk.get(address(post)).content.decode()
    page = desk.get(f"{address(post)}?restore")
    assert "Since then the post changed" in page.content.decode()
    page = desk.post(address(post), {**form_data(page), **windows_of(page)})
    html = page.content.decode()
    assert page.status_code == 409 and "Theirs." in html and "Mine." in html
    assert UnsavedText.objects.exists()
    merge = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', html[html.index("/merge/") :]))
    choice = re.search(r'name="(choice-[\w-]+)"', html)[1]
    merge = {name: unescape(value) for name, value in merge.items()} | {choice: "mine"}
    assert desk.post(reverse("admin:posts_post_merge", args=[post.pk]), merge).status_code == 302
    assert Post.objects.get(pk=post.pk).summary == "Mine." and not UnsavedText.objects.exists()


def test_text_that_arrives_after_its_form_was_saved_is_not_offered_and_not_in_the_way(desk, by):
    post = make_post()
    sent = opened(desk, post, summary="Saved already.")
    assert desk.post(address(post), sent).status_code == 302
    keep(desk, post, sent, by)
    page = desk.get(address(post))
    assert "unsaved text from" not in page.content.decode()
    typed = {**form_data(page), **windows_of(page), "summary": "The next one."}
    assert keep(desk, post, typed, by).status_code == 200


def test_a_refused_save_keeps_the_text_and_its_page_goes_on_keeping(desk, by):
    post = make_post()
    sent = opened(desk, post, title="", reading_time="many")
    keep(desk, post, sent, by)
    page = desk.post(address(post), sent)
    html = page.content.decode()
    assert page.status_code == 422 and "unsaved text from" not in html
    assert windows_of(page)["unsaved_window"] == sent["unsaved_window"]
    assert keep(desk, post, sent | {"title": "Now"}, by).status_code == 200
    assert UnsavedText.objects.get().sent()["title"] == "Now"


def test_unsaved_text_is_discarded_by_a_button_that_needs_no_script(desk, by):
    post = make_post()
    sent = opened(desk, post, title="Rubbish")
    keep(desk, post, sent, by)
    html = desk.get(address(post)).content.decode()
    offer = html[html.index("data-unsaved-offer") : html.index("Discard unsaved text")]
    window = re.search(r'name="unsaved_window" value="(\w+)"', offer)[1]
    answer = desk.post(keeping(post), {"act": "discard", "unsaved_window": window}, follow=True)
    assert "The unsaved text was discarded." in answer.content.decode() and not UnsavedText.objects.exists()


def test_restoring_after_the_row_is_gone_opens_the_form_as_it_is(desk):
    post = make_post(title="As it is")
    page = desk.get(f"{address(post)}?restore")
    assert page.status_code == 200 and page.context["shown"].form["title"].value() == "As it is"


def test_only_fields_of_the_form_are_kept(desk, by):
    post = make_post()
    keep(desk, post, opened(desk, post, csrfmiddlewaretoken="secret", stranger="no", _save="1"), by)
    names = {name for name, _ in UnsavedText.objects.get().fields}
    assert {"title", "body", "head", "images-TOTAL_FORMS"} <= names
    assert not names & {"csrfmiddlewaretoken", "stranger", "_save", "act", "person", "unsaved_window"}


def test_too_much_text_is_refused_in_words_and_what_was_kept_stays(desk, by):
    post = make_post()
    sent = opened(desk, post, title="Kept")
    keep(desk, post, sent, by)
    answer = keep(desk, post, sent | {"body": "é" * (MAX_BYTES // 2)}, by)
    assert answer.status_code == 409 and "too long" in answer.json()["problem"]
    assert UnsavedText.objects.get().sent()["title"] == "Kept"
    with pytest.raises(Refused, match="Reload the page"):
        keep_unsaved_text(post, [], window="<script>", replaces="", by=by)


def test_a_person_has_unsaved_text_of_so_many_posts_and_the_oldest_makes_room(by, monkeypatch):
    monkeypatch.setattr("posts.operations.unsaved_texts.MOST_TEXTS", 3)
    assert MOST_TEXTS > 3
    posts = [make_post() for _ in range(4)]
    for post in posts:
        keep_unsaved_text(post, [["title", post.title]], window="0" * 32, replaces="", by=by)
    assert set(UnsavedText.objects.values_list("post", flat=True)) == {post.pk for post in posts[1:]}


def test_a_text_that_is_refused_makes_no_room(by, monkeypatch):
    monkeypatch.setattr("posts.operations.unsaved_texts.MOST_TEXTS", 3)
    posts = [make_post() for _ in range(3)]
    for post in posts:
        keep_unsaved_text(post, [["title", post.title]], window="0" * 32, replaces="", by=by)
    with pytest.raises(Refused, match="Other unsaved text"):
        keep_unsaved_text(posts[1], [["title", "x"]], window="1" * 32, replaces="", by=by)
    assert UnsavedText.objects.count() == 3


@pytest.mark.parametrize("odd", ["a\0", "\0" * 10, "0" * 41, "<script>", "G" * 32])
def test_what_cannot_be_a_window_never_reaches_the_database(desk, by, odd):
    post = make_post()
    asked = []

    def note(execute, sql, params, many, context):
        asked.extend(params or ())
        return execute(sql, params, many, context)

    sent = opened(desk, post, summary="Saved.", unsaved_replaces=odd)
    with connection.execute_wrapper(note):
        assert keep(desk, post, sent, by).status_code == 200
        for act, status in (("keep", 409), ("forget", 200), ("discard", 302)):
            answer = desk.post(keeping(post), {"act": act, "person": by.pk, "unsaved_window": odd, "title": "x"})
            assert answer.status_code == status
        assert desk.post(address(post), sent | {"unsaved_window": odd}).status_code == 302
    assert Post.objects.get(pk=post.pk).summary == "Saved."
    assert not {odd, odd[:40]} & {each for each in asked if isinstance(each, str)}


def test_text_that_nobody_touched_for_thirty_days_is_deleted_by_the_background_job(by):
    kept = [
        keep_unsaved_text(post, [["title", "x"]], window="0" * 32, replaces="", by=by) for post in (make_post(), None)
    ]
    UnsavedText.objects.filter(pk=kept[0].pk).update(kept_at=timezone.now() - datetime.timedelta(days=31))
    forget_unsaved_texts.func()
    assert list(UnsavedText.objects.all()) == kept[1:]


def test_a_form_whose_token_is_outdated_gets_a_new_one_and_loses_nothing(by):
    client = Client(enforce_csrf_checks=True)
    client.force_login(by)
    post = make_post()
    sent = opened(client, post, title="Kept") | {"csrfmiddlewaretoken": "x" * 64}
    assert keep(client, post, sent, by).status_code == 403
    fresh = client.get(keeping(post)).json()
    assert fresh["person"] == by.pk
    assert keep(client, post, sent | {"csrfmiddlewaretoken": fresh["token"]}, by).status_code == 200


def test_the_form_asks_as_many_queries_with_unsaved_text_as_without(desk, by):
    post = make_post()
    sent = opened(desk, post, title="Kept")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            desk.get(address(post))
        counts.append(len(queries))
        keep(desk, post, sent, by)
    assert counts[0] == counts[1]


def my_work_of(client):
    return client.get(reverse("admin:my_work")).content.decode()


def test_my_work_names_unsaved_texts_restores_them_and_discards_them(desk, by):
    post = make_post(title="Retry queues")
    keep(desk, post, opened(desk, post, title="Retry queues, rewritten"), by)
    keep(desk, None, opened(desk, None, title="Dead letters"), by)
    page = my_work_of(desk)
    assert "You have unsaved text" in page and "Retry queues" in page and "A new post: Dead letters" in page
    restored = desk.get(f"{address(post)}?restore")
    assert f"{address(post)}?restore" in page and restored.context["shown"].form["title"].value().endswith("rewritten")
    kept = UnsavedText.objects.get(post=post)
    sent = {"act": "discard", "text": kept.pk, "window": kept.window}
    answer = desk.post(reverse("admin:my_work"), sent, follow=True)
    assert "The unsaved text was discarded." in answer.content.decode()
    assert [text.post for text in UnsavedText.objects.all()] == [None]
    assert "saved, discarded or changed" in desk.post(reverse("admin:my_work"), sent).content.decode()


def test_my_work_shows_and_discards_nobody_elses_unsaved_text(desk, by):
    post = make_post(title="Retry queues")
    keep(desk, post, opened(desk, post, title="Mine"), by)
    kept = UnsavedText.objects.get()
    other = signed_in(person("Editors"))
    assert "You have unsaved text" not in my_work_of(other)
    answer = other.post(reverse("admin:my_work"), {"act": "discard", "text": kept.pk, "window": kept.window})
    assert answer.status_code == 422 and UnsavedText.objects.exists()


def test_my_work_keeps_unsaved_text_that_changed_since_the_page_was_opened(desk, by):
    post = make_post()
    sent = opened(desk, post, title="Before")
    keep(desk, post, sent, by)
    text, window = UnsavedText.objects.get().pk, "0123456789abcdef"
    answer = desk.post(reverse("admin:my_work"), {"act": "discard", "text": text, "window": window})
    assert answer.status_code == 422 and UnsavedText.objects.exists()
