"""Limits of request bodies: large ones are refused unread.

Files are accepted only at the import form, from people who may import.
"""

import json
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from posts.importing.uploads import MAX_PUSH_BYTES, MAX_UPLOAD_BYTES
from posts.models import Post
from posts.records.schema import MAX_RECORD_BYTES
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db

MOST = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
KINDS = [FORM, "multipart/form-data; boundary=x", "application/json", "text/plain", ""]
IMPORT_FORM = "/admin/posts/importbatch/new/"
PEOPLE = [None, "Editors", "Reviewers", "Staff"]


class Unreadable:
    """A body that nobody may touch."""

    def read(self, *arguments):
        raise AssertionError("the body was read")

    readline = readlines = __iter__ = read

    def close(self):
        pass


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    return tmp_path / "uploads"


def send(client, address, *, size, kind=FORM, **headers):
    extra = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(size), **headers}
    return client.generic("POST", address, b"", kind, **extra)


def signed_in(group):
    client = Client(enforce_csrf_checks=True)
    if group:
        client.force_login(person(group))
    return client


@pytest.mark.once
@pytest.mark.parametrize("group", PEOPLE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_over_the_limit_is_refused_unread(group, kind):
    client, post = signed_in(group), make_post(released=True)
    for address in (
        "/",
        "/nowhere/",
        "/admin/login/",
        reverse("posts:report", args=[post.slug]),
        reverse("admin:review", args=[post.pk]),
        reverse("admin:posts_post_act", args=[post.pk, "flag"]),
        reverse("admin:posts_post_changelist"),
        *([reverse("admin:posts_post_change", args=[post.pk])] if group in (None, "Staff") else []),
        *([IMPORT_FORM] if group != "Staff" else []),
    ):
        answer = send(client, address, size=MOST + 1, kind=kind)
        assert answer.status_code == 413, address
        # Somebody whose session has ended is told where the text still is.
        is_signed_out = group is None and address == reverse("admin:posts_post_change", args=[post.pk])
        says = "Your text is still in the form" if is_signed_out else "A form can have at most 1 MB."
        assert says in answer.content.decode()
    answer = send(client, "/api/posts/", size=MOST + 1, kind=kind)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


def test_a_body_whose_size_nobody_says_is_refused_unread():
    client = signed_in("Staff")
    for address in ("/admin/login/", IMPORT_FORM):
        answer = send(client, address, size="", HTTP_TRANSFER_ENCODING="chunked")
        assert answer.status_code == 413 and "Content-Length" in answer.content.decode()
    assert send(client, "/admin/login/", size="9" * 400).status_code == 413


def test_nobody_brings_more_than_one_file_of_the_largest_size():
    answer = send(signed_in("Staff"), IMPORT_FORM, size=MAX_UPLOAD_BYTES + MOST + 1)
    assert answer.status_code == 413 and "at most 201 MB" in answer.content.decode()


def test_a_file_is_dropped_wherever_none_is_taken(client, folder, monkeypatch):
    post = make_post(released=True)

    def opened(*arguments, **options):
        raise AssertionError("a file was begun")

    monkeypatch.setattr("posts.importing.uploads.ImportUpload.__init__", opened)
    file = {"upload": SimpleUploadedFile("posts.jsonl", b'{"source_id": "a"}')}
    report = reverse("posts:report", args=[post.slug])
    assert client.post(report, {"reason": "facts", **file}).status_code == 302
    for group in PEOPLE[:-1]:
        client.logout()
        if group:
            client.force_login(person(group))
        assert client.post(IMPORT_FORM, {"upload": SimpleUploadedFile("x", b"y")}).status_code in (302, 403)
    assert not folder.exists()


def test_who_may_import_but_not_enter_the_admin_brings_no_file(client, folder):
    staff = person("Staff")
    staff.is_staff = False
    staff.save()
    client.force_login(staff)
    assert client.post(IMPORT_FORM, {"upload": SimpleUploadedFile("x", b"y")}).status_code in (302, 403)
    assert not folder.exists()


def test_a_form_at_the_limit_is_read(client):
    post = make_post(released=True)
    form = "reason=facts&website=&note="
    note = "x" * 900
    filler = "&more=" + "y" * (MOST - len(form) - len(note) - len("&more="))
    answer = client.post(reverse("posts:report", args=[post.slug]), form + note + filler, content_type=FORM)
    assert answer.status_code == 302


def test_the_largest_record_is_saved_through_the_form_of_its_post_and_no_larger_body_is_read(client):
    post = make_post()
    client.force_login(person("Editors"))
    address = reverse("admin:posts_post_change", args=[post.pk])
    form = client.get(address).context["shown"].form
    fields = {field.html_name: field.value() for field in form if isinstance(field.value(), str)}
    # Each of these characters is two bytes of the record and six of a form.
    room = MAX_RECORD_BYTES - len(json.dumps(post.working_record(), ensure_ascii=False).encode()) - 2_000
    management = {f"{kind}-{name}": 0 for kind in ("images", "checklist") for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    sent = urlencode(fields | management | {"head": post.head_revision_id, "bump": "patch", "body": "é" * (room // 2)})
    assert len(sent) > 3 * MAX_RECORD_BYTES - 20_000
    answer = client.post(address, sent, content_type=FORM)
    assert answer.status_code == 302, answer.content.decode()
    assert len(Post.objects.get(pk=post.pk).body) == room // 2
    answer = send(client, address, size=4 * MOST + 1)
    assert answer.status_code == 413 and "A form can have at most 4 MB." in answer.content.decode()


class Counted:
    """A body of so many bytes that notes how many were read; with an `error` at its end."""

    def __init__(self, size, error=None):
        self.left, self.read_bytes, self.error = size, 0, error

    def read(self, size):
        if self.error and not self.left:
            raise self.error
        given = min(size, self.left)
        self.left -= given
        self.read_bytes += given
        return b"y" * given

    readline = read


def sent_to(address, body, size, settings, *, is_behind_proxy):
    settings.BEHIND_PROXY = is_behind_proxy
    settings.SECURE_PROXY_SSL_HEADER = None
    extra = {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
    return Client().generic("POST", address, b"", FORM, **extra).status_code


@pytest.mark.once
@pytest.mark.parametrize(("address", "status"), [("/admin/login/", 413), (IMPORT_FORM, 413), ("/nowhere/", 413)])
def test_a_proxy_can_send_the_whole_body_of_an_answer_that_needed_none(settings, address, status):
    body = Counted(3 * MOST)
    assert sent_to(address, body, 3 * MOST, settings, is_behind_proxy=True) == status
    assert body.read_bytes == 3 * MOST


@pytest.mark.once
def test_without_a_proxy_nobody_makes_the_site_read_what_it_refuses(settings):
    assert sent_to("/admin/login/", Unreadable(), 3 * MOST, settings, is_behind_proxy=False) == 413


@pytest.mark.once
def test_a_body_that_breaks_off_or_has_no_end_is_answered_too(settings):
    broken = Counted(MOST, error=OSError("the client is gone"))
    assert sent_to("/admin/login/", broken, 3 * MOST, settings, is_behind_proxy=True) == 413
    endless = Counted(10**12)
    assert sent_to("/admin/login/", endless, 10**12, settings, is_behind_proxy=True) == 413
    assert 0 < endless.read_bytes < 2 * MAX_PUSH_BYTES
