"""Every page has no error in the Nu HTML Checker. Run with make validate."""

import collections
import json
import os
import subprocess

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from posts.models import Post, Term
from posts.operations import Decision, approval_obstacles
from posts.synthesis.plants import KINDS, synthesize_planted
from tests.every_page import make_every_page
from tests.factories import approve, import_records, make_post, person

pytestmark = [pytest.mark.validator, pytest.mark.django_db]

IMPORTED = 200
# A share of posts of each awkward kind that the synthesizer knows, and as many ordinary ones.
PLAN = {kind: 0.5 / len(KINDS) for kind in KINDS}


def errors_in(folder):
    """Return {message: [files]} of all errors in the HTML files of `folder`."""
    jar = os.environ["VNU_JAR"]
    checked = subprocess.run(
        ["java", "-Xss4m", "-jar", jar, "--format", "json", "--stdout", "--errors-only", "--exit-zero-always", folder],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = collections.defaultdict(list)
    for message in json.loads(checked.stdout)["messages"]:
        place = f"{message.get('url', '').rsplit('/', 1)[-1]}:{message.get('lastLine')}"
        found[f"{message['message']} {message.get('extract', '')}"].append(place)
    return dict(found)


def write(folder, name, response):
    assert response["Content-Type"].startswith("text/html"), name
    (folder / f"{name.replace(' ', '-').replace(',', '')}.html").write_bytes(response.content)


def test_the_checker_sees_an_error(tmp_path):
    (tmp_path / "wrong.html").write_text("<!doctype html><html lang=en><title>t</title><p><div id=a></div><i id=a></i>")
    assert any("Duplicate ID" in message for message in errors_in(tmp_path))


def test_every_page_type_is_valid(tmp_path, settings):
    client = Client(raise_request_exception=False)
    write(tmp_path, "empty home", client.get("/"))
    pages = make_every_page(kinds=Term.Kind.values)
    with override_settings(DEBUG=False):
        for name, (address, _) in pages.items():
            write(tmp_path, name, client.get(address))
        write(tmp_path, "api", client.get("/api/", headers={"accept": "text/html"}))
        report = pages["report"][0]
        write(tmp_path, "report without a reason", client.post(report, {"reason": "", "note": "x"}))
        write(tmp_path, "report sent", client.post(report, {"reason": "facts", "note": "Look."}, follow=True))
        write(tmp_path, "400", client.get("/", headers={"host": "not a host"}))
        write(tmp_path, "403", Client(enforce_csrf_checks=True).post(report, {"reason": "facts"}))
        settings.ROOT_URLCONF = "tests.test_public_pages"
        write(tmp_path, "500", client.get("/broken/"))
    assert len(list(tmp_path.iterdir())) == len(pages) + 7
    assert errors_in(tmp_path) == {}


def test_the_admins_preview_is_valid(tmp_path):
    post = make_post()
    client = Client()
    client.force_login(person("Editors"))
    write(tmp_path, "preview", client.get(reverse("admin:posts_post_preview", args=[post.pk])))
    assert errors_in(tmp_path) == {}


def test_two_hundred_imported_posts_are_valid(tmp_path):
    import_records(*(synthesize_planted(seed, PLAN)[0] for seed in range(1, IMPORTED + 1)))
    reviewer = person()
    for post in Post.objects.with_texts().order_by("pk")[::10]:
        if not approval_obstacles(post, Decision("approved"), by=reviewer):
            approve(post, by=reviewer)
    assert Post.objects.listed().count() > 5
    client = Client()
    posts = Post.objects.visible()
    assert posts.count() == IMPORTED
    for post in posts:
        write(tmp_path, post.source_id, client.get(post.get_absolute_url()))
    assert errors_in(tmp_path) == {}
