"""Details that pages promise beside their main subject."""

import json
import re

import pytest
from django.urls import reverse

from posts.importing.declare_origin import declare_origin
from posts.models import AuditEntry, Post
from posts.records.schema import fingerprint_of, validate_record
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db


def test_the_public_json_is_the_approved_record_with_its_comments_and_the_page_hides_them(client):
    post = make_post(body="Words.\n\n<!-- ask legal -->\n\nMore words.", released=True)
    page = client.get(post.get_absolute_url()).content.decode()
    answer = json.loads(client.get(reverse("posts:record", args=[post.slug])).content)
    assert "ask legal" not in page and "ask legal" in answer["record"]["body"]
    assert fingerprint_of(validate_record(answer["record"]).to_dict()) == answer["review"]["fingerprint"]
    client.force_login(person("Reviewers"))
    review = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    assert "The page hides the comment “ask legal”, but the public JSON of the record includes it." in review


def test_the_icon_of_a_text_by_people_has_no_square_of_a_machine(client):
    post = make_post(released=True)
    icons = {}
    for origin in ("trained_model", "people"):
        declare_origin(post.first_batch, origin, by=person("Staff"))
        page = client.get(post.get_absolute_url()).content.decode()
        line = page[page.index('id="how-this-was-made"') : page.index("status-line__sentence")]
        icons[origin] = re.search(r'status-icon__square" d="([^"]*)"', line)[1]
    assert icons["trained_model"] == "M0 2h10v10H0z" != icons["people"]


def test_the_queue_says_which_posts_are_held_back(client):
    make_post()
    client.force_login(person("Reviewers"))
    assert "held back" not in client.get(reverse("admin:queue")).content.decode().split("queue-row__facts")[1]
    Post.objects.update(held=True)
    assert "<strong>held back</strong>" in client.get(reverse("admin:queue")).content.decode()


def test_the_sign_in_page_says_that_a_form_is_kept(client):
    post, note = make_post(), "What you typed is kept."
    client.force_login(person("Reviewers"))
    address = reverse("admin:review", args=[post.pk])
    proof = re.search(r'name="proof" value="([^"]*)"', client.get(address).content.decode())[1]
    client.logout()
    assert note not in client.get(reverse("admin:login")).content.decode()
    answer = client.post(address, {"proof": proof, "act": "edits", "edits-comment": "Typed.", "view": ""}, follow=True)
    assert note in answer.content.decode() and "<h1>Sign in</h1>" in answer.content.decode()


def test_entries_of_an_earlier_version_show_the_reason_and_not_its_code(client):
    post = make_post()
    for action, code in (("rejected", "facts"), ("flagged", "facts"), ("rejected", "In my own words.")):
        AuditEntry.objects.create(action=action, detail=code, post=post)
    client.force_login(person("Staff"))
    page = client.get(reverse("admin:posts_auditentry_changelist")).content.decode()
    for words in ("Facts are wrong or unproven", "Facts look wrong", "In my own words."):
        assert words in page
    assert ">facts<" not in page
