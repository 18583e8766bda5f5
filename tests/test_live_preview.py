"""The live preview: what the form of a post would show, while a person types."""

import pytest
from django.urls import reverse

from posts.admin.posts.live_preview import MAX_BRACKETS, MAX_LINES, MAX_TYPED, TOO_LONG
from posts.models import Post
from tests.factories import make_post
from tests.test_admin import form_data

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# What browsers run, or load from elsewhere, and what would leave the frame.
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) "
    '<svg onload=alert(1)> <iframe src="https://evil.example"></iframe> <base href="https://evil.example/"> '
    '<style>*{color:red}</style> <form action="https://evil.example"><input></form>'
)


def form_address(post=None):
    return reverse("admin:posts_post_change", args=[post.pk]) if post else reverse("admin:posts_post_add")


@pytest.fixture
def ask(client, editor):
    """Return the answer to the form of a post, or of a new one, with some fields changed: ask(post, body="…")."""
    client.force_login(editor)

    def answer(post=None, **typed):
        name = "posts_post_live_preview" if post else "posts_post_add_live_preview"
        address = reverse(f"admin:{name}", args=[post.pk] if post else [])
        return client.post(address, form_data(client.get(form_address(post)), **typed))

    return answer


def test_it_shows_the_typed_text_and_saves_nothing(ask):
    post = make_post(body="Old.", image_sources=[{"url": "https://images.unsplash.com/a", "caption": "A rack"}])
    answer = ask(post, title="New title", intro="*Lede*", body="## Part\n\n![](image:1)\n\n- [x] done")
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    html = answer.json()["html"]
    assert "New title" in html and '<p class="lede"><em>Lede</em></p>' in html
    assert "A rack" in html and "https://images.unsplash.com/a" in html
    assert Post.objects.get().revisions.count() == 1
    assert Post.objects.get().body == "Old."


def test_hostile_text_is_as_harmless_as_on_the_page(ask):
    html = ask(make_post(), title=HOSTILE, body=HOSTILE).json()["html"]
    assert "alert(1)" in html
    page = html.replace('<base target="_blank">', "")
    for dangerous in ("<script", "<img", "<svg", "<iframe", "<base", "<style", "<form", "<input", 'href="javascript'):
        assert dangerous not in page, dangerous


def test_findings_name_the_lines_that_they_are_about(ask):
    body = (
        "Fine.\n\nFirst line,\nas an AI language model, I stop.\n\n"
        "## Code\n\n```json\n{\n  oops\n}\n```\n\n#### Deep\n\n![](image:7)\n\n<!-- hidden -->"
    )
    found = ask(make_post(), body=body, intro="[Insert diagram here]").json()["findings"]
    placed = {(one["field"], one["line"], one["words"]) for one in found if one["field"]}
    assert placed >= {
        ("body", 3, "as an AI language model, I"),
        ("body", 10, ""),
        ("body", 14, ""),
        ("body", 16, "(image:7)"),
        ("body", 18, "<!--"),
        ("intro", 1, "[Insert diagram here]"),
    }
    assert [one["stops"] for one in found] == sorted((one["stops"] for one in found), reverse=True)
    assert all(one["message"] for one in found)


def test_findings_of_the_record_have_no_line(ask):
    found = ask(make_post(tools=["Terraform"]), body="Nothing of it.").json()["findings"]
    assert [(one["field"], one["line"]) for one in found if "does not mention" in one["message"]] == [("", 0)]


def test_headings_are_given_by_their_lines_in_both_texts(ask):
    answer = ask(make_post(checklist=["a"]), intro="One.\n\n## Above", body="## One\n\nText.\n\n> ### Two\n").json()
    assert answer["headings"] == [[3, "s-above"], [4, "s-one"], [8, "s-two"]]


def test_what_is_not_valid_yet_is_named_and_the_rest_is_shown(ask):
    post = make_post(
        image_sources=[{"url": "https://images.unsplash.com/a", "caption": "Kept picture"}], published_on="2026-01-02"
    )
    typed = {"published_on": "soon", "reading_time": "x", "images-0-url": "ftp://x", "payload_rest": "{"}
    answer = ask(post, body="Still shown.", **typed).json()
    assert "Still shown." in answer["html"] and "Kept picture" in answer["html"]
    said = " ".join(answer["problems"])
    for words in (
        "Published on: Enter a valid date.",
        "Reading time, minutes: ",
        "This is not JSON",
        "must be an http",
    ):
        assert words in said
    for typed in ({"score_quality": "abc"}, {"flag_has_images": "zzz"}, {"images-0-source": "a\x00b"}):
        assert "Still shown." in ask(post, body="Still shown.", **typed).json()["html"]
    refused = ask(post, title="", body="a\x00b").json()
    assert "Null characters are not allowed." in " ".join(refused["problems"])
    assert "No title yet" in refused["html"]


def test_a_new_post_has_one_too(ask):
    answer = ask(title="A new one", body="First words.").json()
    assert "A new one" in answer["html"] and "First words." in answer["html"]
    assert "No title yet" in ask().json()["html"]
    assert not Post.objects.exists()


def test_a_text_that_would_take_long_is_refused_in_words(ask):
    post = make_post(intro="")
    # A short text with a long address that it names often becomes a long page.
    many = f"[a]: https://example.org/{'x' * 3000}\n\n" + "[a] " * 900
    for body in ("a" * (MAX_TYPED + 1), "#\n" * MAX_LINES, "[" * (MAX_BRACKETS + 1), many):
        assert ask(post, body=body).json() == {"problems": [TOO_LONG]}
    assert "html" in ask(post, body="word " * 10_000).json()


def test_checks_of_the_site_that_may_be_slow_do_not_run(ask, monkeypatch):
    from posts.content_checks import check, registered_checks
    from posts.content_checks.registry import _checks

    monkeypatch.setattr("posts.content_checks.registry._checks", dict(_checks))

    @check("asks-another-machine", "stops")
    def asks(text):
        yield "Found.", "/body"

    assert "asks-another-machine" in registered_checks()
    assert "Found." not in str(ask(make_post(), body="a").json()["findings"])


def test_only_people_who_may_save_the_form_get_an_answer(client, editor, staff):
    post = make_post()
    client.force_login(editor)
    form = form_data(client.get(form_address(post)))
    for address in (
        reverse("admin:posts_post_live_preview", args=[post.pk]),
        reverse("admin:posts_post_add_live_preview"),
    ):
        client.logout()
        assert client.post(address, form).status_code == 302
        client.force_login(staff)
        assert client.post(address, form).status_code == 403
        client.force_login(editor)
        assert client.post(address, form).status_code == 200
        assert client.post(address).status_code == 200
        assert client.get(address).status_code == 405
    assert client.post(reverse("admin:posts_post_live_preview", args=[10**6]), form).status_code == 404
