"""What an address alone says against a link, and the one press that mends it."""

import pytest
from django.test import Client
from django.urls import reverse

from posts.content_checks import findings
from posts.errors import Refused
from posts.links.faults import KINDS, PLAIN, RELATIVE, SECRET, SHORTENED, TRACKING, faults_of
from posts.links.replace import with_addresses
from posts.models import Revision
from posts.operations import HeadMoved
from posts.operations.edit_parts import edit_of
from posts.operations.fix_links import fix_links
from posts.outgoing import Answer
from tests.factories import RecordFactory, approve, edit, fresh, make_post, person

MOVED = {"http://a.org/x": "https://a.org/x", "//a.org/x": "https://a.org/x"}


@pytest.mark.parametrize(
    ("address", "kinds", "fixed"),
    [
        ("../other/", [RELATIVE], ""),
        ("other.html", [RELATIVE], ""),
        ("http://a.org/x?y=1#z", [PLAIN], "https://a.org/x?y=1#z"),
        ("https://bit.ly/3xYz", [SHORTENED], None),
        ("https://name:word@a.org/x?y=1", [SECRET], "https://a.org/x?y=1"),
        ("https://a.org/?api_key=3&b=2", [SECRET], "https://a.org/?b=2"),
        ("https://a.org/x?utm_source=mail&b=2&fbclid=3#c", [TRACKING], "https://a.org/x?b=2#c"),
        ("?page=2", [RELATIVE], ""),
        ("HTTP://a.org:80/x", [PLAIN], "https://a.org/x"),
        ("//a.org/x", [PLAIN], "https://a.org/x"),
        ("http://a.org:8080/x", [PLAIN], None),
        ("https://a.org/?token=eyJhbGciOiJIUzI1NiJ9.abc", [SECRET], "https://a.org/"),
        ("https://a.org/#access_token=1", [SECRET], "https://a.org/"),
        ("https://hooks.slack.com/services/T1/B1/x1", [SECRET], ""),
        ("https://www.youtube.com/watch?v=1&si=abc", [TRACKING], "https://www.youtube.com/watch?v=1"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fb.org%2F", [TRACKING], "https://b.org/"),
        ("https://a.org/?si=1&feature=share&source=x", [], None),
        # Another file of the source, a page of this site, a place in the text, a mail: other rules speak of these.
        ("other.md", [], None),
        ("/posts/", [], None),
        ("#cause", [], None),
        ("mailto:a@example.org", [], None),
        # What is written for the reader's own machine, or as an example.
        ("http://localhost:8000/x", [], None),
        ("http://10.0.0.1/", [], None),
        ("//localhost/x", [], None),
        ("http://api.example.com/?api_key=secret", [], None),
        ("https://user:password@example.org/", [], None),
        # Parameters that only look alike.
        ("https://a.org/?token=3&user=x&autm_source=1", [], None),
        ("https://bit.ly/", [], None),
        ("https://[::1", [], None),
    ],
)
def test_the_faults_of_an_address(address, kinds, fixed):
    found = faults_of(address)
    assert [fault.kind for fault in found] == kinds
    assert [fault.fixed for fault in found] == ([fixed] if kinds else [])


def record(body, **fields):
    return RecordFactory(body=body, intro="", **fields)


def body_with(body, new):
    return with_addresses({"body": body}, new)["body"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[a](http://a.org/x)", "[a](https://a.org/x)"),
        ('[a](http://a.org/x "It")', '[a](https://a.org/x "It")'),
        ("[a](<http://a.org/x>)", "[a](<https://a.org/x>)"),
        ("<http://a.org/x>", "<https://a.org/x>"),
        ("See http://a.org/x.", "See https://a.org/x."),
        ("(http://a.org/x)", "(https://a.org/x)"),
        ("[http://a.org/x](http://a.org/x)", "[https://a.org/x](https://a.org/x)"),
        ("[a][1]\n\n[1]: http://a.org/x 'It'", "[a][1]\n\n[1]: https://a.org/x 'It'"),
        ("![a](http://a.org/x)", "![a](https://a.org/x)"),
        ("| a |\n|---|\n| [b](http://a.org/x) |", "| a |\n|---|\n| [b](https://a.org/x) |"),
        ("[a](//a.org/x)", "[a](https://a.org/x)"),
        # Only the whole address.
        ("[a](http://a.org/x) [b](http://a.org/xy)", "[a](https://a.org/x) [b](http://a.org/xy)"),
        # Never in code.
        (
            "[a](http://a.org/x) `curl http://a.org/x`\n\n```\ncurl http://a.org/x\n```\n\n    http://a.org/x\n",
            "[a](https://a.org/x) `curl http://a.org/x`\n\n```\ncurl http://a.org/x\n```\n\n    http://a.org/x\n",
        ),
        ("No link to it: `http://a.org/x`", "No link to it: `http://a.org/x`"),
    ],
)
def test_an_address_is_replaced_wherever_it_is_a_link_and_nowhere_else(before, after):
    assert body_with(before, MOVED) == after


def test_an_address_is_found_however_its_author_wrote_it():
    new = {"https://a.org/?a=1&b=%C3%BC": "https://b.org/", "https://a.org/w_(x)": "https://b.org/(y)"}
    assert body_with("[a](https://a.org/?a=1&amp;b=ü)", new) == "[a](https://b.org/)"
    assert body_with("[a](https://a.org/w_(x))s", new) == "[a](https://b.org/%28y%29)s"


def test_a_link_is_removed_and_its_words_stay():
    assert body_with("See [the *next* part](../next/ 'Next') and [this](other).", {"../next/": ""}) == (
        "See the *next* part and [this](other)."
    )


def test_a_replacement_that_would_change_anything_else_is_refused():
    with pytest.raises(Refused, match="Change it in the form"):
        body_with("[a][1]\n\n[1]: ../next/", {"../next/": ""})


def test_an_image_gets_its_new_address_too():
    changed = with_addresses({"body": "", "image_sources": [{"url": "http://a.org/x", "alt": "A"}]}, MOVED)
    assert changed["image_sources"] == [{"url": "https://a.org/x", "alt": "A"}]


def test_the_checks_name_the_faults_of_links_and_none_of_code():
    body = (
        "[a](http://a.org/1) [b](http://a.org/2) [c](../c/) [d](https://bit.ly/3x) [e](https://u:p@a.org/)\n\n"
        "[f](https://a.org/?utm_source=x) `http://a.org/3`\n\n```\nhttp://a.org/4\n```\n"
    )
    found = {finding.check: finding for finding in findings(record(body)) if finding.check in KINDS}
    assert list(found) == list(KINDS)
    assert found[PLAIN].count == 2 and "“http://a.org/1”, “http://a.org/2”." in found[PLAIN].message
    assert not any(finding.stops for finding in found.values())
    assert all(finding.fix for finding in found.values())


@pytest.mark.django_db
def test_addresses_in_other_fields_are_checked_and_mended_where_they_stand():
    post = make_post(
        body="Words.",
        intro="",
        checklist=["Read http://a.org/x (twice).", "Done."],
        payload={"references": ["http://a.org/x", {"url": "https://b.org/?utm_source=c"}], "n": 3},
        canonical_url="http://a.org/own",
    )
    found = {finding.check: finding for finding in findings(post.head_revision.snapshot)}
    assert found[PLAIN].count == 2 and found[PLAIN].place == "checklist"
    assert found[TRACKING].place == "payload.references.url"
    new = fix_links(post, PLAIN, fingerprint=post.head_revision.fingerprint, by=person()).snapshot
    assert new["checklist"] == ["Read https://a.org/x (twice).", "Done."]
    assert new["payload"] == {"references": ["https://a.org/x", {"url": "https://b.org/?utm_source=c"}], "n": 3}
    assert new["canonical_url"] == "https://a.org/own"


def test_what_names_the_post_is_no_link():
    record = RecordFactory(body="Words.", intro="", source_id="http://a.org/1")
    assert PLAIN not in {finding.check for finding in findings(record)}


@pytest.mark.django_db
def test_an_address_with_a_port_of_its_own_is_mended_by_hand():
    post = make_post(body="[it](http://a.org:8080/x)")
    with pytest.raises(Refused, match="No link of the text"):
        fix_links(post, PLAIN, fingerprint=post.head_revision.fingerprint, by=person())


@pytest.mark.django_db
def test_one_press_mends_a_fault_by_a_revision_and_readers_keep_their_text():
    post = approve(make_post(body="[a](http://a.org/x) and [b](https://a.org/?utm_source=x)"))
    client, editor = Client(), person("Editors")
    client.force_login(editor)
    page = reverse("admin:posts_post_change", args=[post.pk])
    assert "Change to https://" in client.get(page).content.decode()
    form = {"kind": PLAIN, "fingerprint": post.head_revision.fingerprint, "next": page}
    answer = client.post(reverse("admin:posts_post_fix_links", args=[post.pk]), form, follow=True)
    assert answer.redirect_chain[-1][0] == page
    assert "Saved as 1.0.1: Links changed to https://." in answer.content.decode()
    assert "Change to https://" not in answer.content.decode()
    after = fresh(post)
    assert after.head_revision.snapshot["body"] == "[a](https://a.org/x) and [b](https://a.org/?utm_source=x)"
    assert (after.head_revision.author, after.live_revision.version) == (editor, "1.0.0")
    assert after.head_revision.status == Revision.Status.DRAFTED


@pytest.mark.django_db
def test_the_review_screen_offers_the_press_and_the_text_stays_pending():
    post = make_post(body="See [the next part](../next/).")
    client = Client()
    client.force_login(person("Reviewers"))
    screen = reverse("admin:review", args=[post.pk])
    assert "Remove these links and keep their words" in client.get(screen).content.decode()
    form = {"kind": RELATIVE, "fingerprint": post.head_revision.fingerprint, "next": screen}
    answer = client.post(reverse("admin:posts_post_fix_links", args=[post.pk]), form)
    assert answer["Location"] == screen
    after = fresh(post)
    assert after.head_revision.snapshot["body"] == "See the next part." and after.awaits_review


@pytest.mark.django_db
def test_a_shortened_link_becomes_the_address_that_it_leads_to(monkeypatch):
    post = make_post(body="[a](https://bit.ly/3x)")
    asked = []

    def lead(address, **options):
        asked.append((address, options["method"]))
        return Answer(403, {}, b"", "https://a.org/long/")

    monkeypatch.setattr("posts.operations.fix_links.fetch", lead)
    fix_links(post, SHORTENED, fingerprint=post.head_revision.fingerprint, by=person("Editors"))
    assert asked == [("https://bit.ly/3x", "HEAD")]
    assert fresh(post).head_revision.snapshot["body"] == "[a](https://a.org/long/)"


@pytest.mark.django_db
def test_a_shortened_link_that_leads_nowhere_is_refused(monkeypatch):
    post = make_post(body="[a](https://bit.ly/3x)")
    monkeypatch.setattr(
        "posts.operations.fix_links.fetch", lambda address, **options: Answer(404, {}, b"", "https://bit.ly/404")
    )
    with pytest.raises(Refused, match="redirects to no page"):
        fix_links(post, SHORTENED, fingerprint=post.head_revision.fingerprint, by=person("Editors"))
    assert fresh(post).revisions.count() == 1


@pytest.mark.django_db
def test_a_press_about_an_older_text_or_without_a_fault_changes_nothing():
    post = make_post(body="[a](http://a.org/x)")
    editor, seen = person("Editors"), post.head_revision.fingerprint
    with pytest.raises(Refused, match="No link of the text has this fault any more"):
        fix_links(post, TRACKING, fingerprint=seen, by=editor)
    with pytest.raises(Refused, match="Choose a fault"):
        fix_links(post, "code-syntax", fingerprint=seen, by=editor)
    edit(post, summary="Another.")
    with pytest.raises(HeadMoved):
        fix_links(post, PLAIN, fingerprint=seen, by=editor)
    with pytest.raises(HeadMoved):
        fix_links(fresh(post), PLAIN, fingerprint=seen, by=editor)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({"http://a.org/": "a.org"}, "Enter the new address in full"),
        ({"http://a.org/": "javascript:alert(1)"}, "Enter the new address in full"),
        ({"http://a.org/": "https://u:p@a.org/"}, "Enter the new address in full"),
        ({"https://a.org/": "https://a.org/"}, "the same as the old one"),
        ({}, "Select an address"),
    ],
)
def test_a_new_address_must_be_one(pairs, said):
    with pytest.raises(Refused, match=said):
        edit_of("address", {"pairs": pairs})
