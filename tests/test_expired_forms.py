"""A form that arrives without our token is given back to the person who typed into it."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from posts.models import Post, WebSession
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db
HOSTILE = '\nNaïve </textarea><script>alert(1)</script> & "quoted"'


def sent_again(client, page):
    """Send the form of a page as a browser does; return the answer."""
    html = page.content.decode()
    form = html[html.index('<form method="post" action="/admin/posts') if "/admin/posts" in html else 0 :]
    form = form[: form.index("Send again")]
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    fields += re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    values = {}
    for name, value in fields:
        values.setdefault(name, []).append(unescape(value))
    return client.post(unescape(re.search(r'action="([^"]*)"', form)[1]), values)


def form_of(client, address):
    """Return the fields of the form that a person opened."""
    form = client.get(address).context["shown"].form
    fields = {field.html_name: field.value() for field in form if isinstance(field.value(), (str, int))}
    sets = {f"{kind}-{name}": 0 for kind in ("images", "checklist") for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return fields | sets


def test_a_record_that_was_typed_comes_back_without_any_cookie_and_is_saved_when_it_is_sent_again():
    post, client = make_post(), Client(enforce_csrf_checks=True)
    client.force_login(person("Editors"))
    address = reverse("admin:posts_post_change", args=[post.pk])
    typed = form_of(client, address) | {"intro": HOSTILE, "tools-name": "make", "bump": "minor"}
    session = client.cookies.pop("sessionid")
    client.cookies.clear()
    page = client.post(address, typed)
    html = page.content.decode()
    assert page.status_code == 403 and "This form has expired" in html and "no-store" in page.headers["Cache-Control"]
    assert "&lt;/textarea&gt;&lt;script&gt;" in html and "<script>alert" not in html
    assert post.revisions.count() == 1
    client.cookies["sessionid"] = session.value
    answer = sent_again(client, page)
    assert answer.status_code == 302 and answer.url == address
    saved = Post.objects.get(pk=post.pk)
    assert saved.intro == HOSTILE and saved.head_revision.version == "1.1.0"


def test_a_comment_of_a_review_comes_back_with_its_answers():
    post, client = make_post(checklist=["one"]), Client(enforce_csrf_checks=True)
    typed = {
        "edits-comment": HOSTILE,
        "answer-harm": "met",
        "fingerprint": post.head_revision.fingerprint,
        "act": "edits",
    }
    page = client.post(reverse("admin:review", args=[post.pk]), typed | {"unknown": "a stranger"})
    html = page.content.decode()
    assert 'name="answer-harm" value="met"' in html and "&lt;script&gt;alert(1)" in html and "a stranger" not in html


@pytest.mark.parametrize(
    ("origin", "size", "is_shown"),
    [(None, 100, True), ("http://testserver", 100, True), ("https://elsewhere.example", 100, False),
     (None, 900_000, True), (None, 1_100_000, False)],
)  # fmt: skip
def test_no_other_site_and_no_form_that_is_too_large_gets_its_words_shown(origin, size, is_shown):
    post, client = make_post(), Client(enforce_csrf_checks=True)
    sent = {"note": "w" * size}
    headers = {"HTTP_ORIGIN": origin} if origin else {}
    page = client.post(reverse("admin:review", args=[post.pk]), sent, **headers)
    assert page.status_code == (413 if size > 1_000_000 else 403)
    assert ("w" * 100 in page.content.decode()) is is_shown


def signed_out(client):
    """End the session of a client as time does; its other cookies stay."""
    WebSession.objects.all().delete()
    return client


def test_a_record_that_was_typed_comes_back_after_the_session_has_ended_and_is_saved_when_it_is_sent_again():
    post, client, by = make_post(), Client(), person("Editors")
    client.force_login(by)
    address = reverse("admin:posts_post_change", args=[post.pk])
    long = "A paragraph that took an afternoon.\n\n" * 5_000 + "The end."
    typed = form_of(client, address) | {"intro": HOSTILE, "body": long}
    page = signed_out(client).post(address, typed)
    html = page.content.decode()
    assert page.status_code == 403 and "You are signed out" in html and "no-store" in page.headers["Cache-Control"]
    assert reverse("admin:login") in html and post.revisions.count() == 1
    client.force_login(by)
    assert sent_again(client, page).status_code == 302
    saved = Post.objects.get(pk=post.pk)
    assert saved.intro == HOSTILE and saved.body == long


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("admin:posts_post_merge", {"both-body-1": "typed here", "mine": "{}"}),
        ("admin:posts_post_act", {"why": "typed here"}),
        ("admin:posts_post_releases", {"act": "release", "expected_result": "typed here"}),
        ("admin:posts_post_flag", {"act": "flag", "note": "typed here"}),
        ("admin:posts_importissue_change", {"act": "repair", "text": "typed here"}),
    ],
)
def test_every_form_in_which_people_write_comes_back_after_the_session_has_ended(name, typed):
    post, client = make_post(), Client()
    address = reverse(name, args=[post.pk, "withdraw"] if name.endswith("_act") else [post.pk])
    page = client.post(address, typed)
    html = page.content.decode()
    assert page.status_code == 403 and "You are signed out" in html
    assert html.count("typed here") == 1 and all(f'name="{field}"' in html for field in typed)


def test_a_form_without_words_leads_to_the_sign_in_page_after_the_session_has_ended():
    answer = Client().post(reverse("admin:posts_post_changelist"), {"action": "approve_in_bulk"})
    assert answer.status_code == 302 and answer.url.startswith(reverse("admin:login"))


def test_a_signed_out_person_hears_how_to_keep_a_text_that_is_too_large_to_give_back():
    post, client = make_post(), Client()
    page = client.post(reverse("admin:posts_post_change", args=[post.pk]), {"body": "w" * 1_100_000})
    assert page.status_code == 413 and "Your text is still in the form: sign in in a new tab" in page.content.decode()


def test_forms_of_other_pages_are_not_given_back():
    post, client = make_post(released=True), Client(enforce_csrf_checks=True)
    for address in ("/admin/login/", reverse("posts:report", args=[post.slug])):
        page = client.post(address, {"note": "typed here", "password": "typed here"})
        assert page.status_code == 403 and "typed here" not in page.content.decode()
