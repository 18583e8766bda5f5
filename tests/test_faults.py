"""Full disks and wrong clocks: what people are told, what is left, and that it heals. docs/faults.md has all faults."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from html import unescape
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from posts.models import ImportBatch, Post, Release, UploadedPicture
from posts.operations import run_due
from posts.operations.schedule import Plan, schedule_release
from tests.factories import approve, make_post, person
from tests.page_processes import ROOT, SETTINGS, database_url
from tests.ports import free_port
from tests.rehearsal import ask
from tests.test_pictures import picture
from tests.waiting import PATIENT_SECONDS, wait_until

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folders(settings, tmp_path):
    settings.MEDIA_ROOT = settings.IMPORT_UPLOADS = str(tmp_path)
    return tmp_path


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.once
def test_a_picture_that_finds_the_disk_full_says_so_and_comes_in_later(client, editor, folders, caplog):
    client.force_login(editor)
    address, body = reverse("admin:posts_post_upload"), picture()

    def send():
        return client.post(address, {"picture": SimpleUploadedFile("a.png", body, "image/png")})

    with mock.patch.object(ContentFile, "chunks", side_effect=FULL):
        answer = send()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "can't store files" in unescape(answer.text) and "Try the upload again later" in answer.text
    assert not files_in(folders) and not UploadedPicture.objects.exists()
    assert not [record for record in caplog.records if record.exc_info]
    assert send().status_code == 201


@pytest.mark.once
def test_an_import_that_finds_the_disk_full_says_so_and_comes_in_later(client, staff, folders, caplog):
    client.force_login(staff)

    def send():
        file = SimpleUploadedFile("posts.jsonl", b'{"source_id": "a", "title": "A", "body": "Words."}\n')
        return client.post("/admin/posts/importbatch/new/", {"upload": file})

    with mock.patch("posts.importing.uploads.os.link", side_effect=FULL):
        answer = send()
    assert answer.status_code == 503 and "can't store files" in unescape(answer.text)
    assert not files_in(folders) and not ImportBatch.objects.exists()
    assert not [record for record in caplog.records if record.exc_info]
    assert send().status_code == 302 and ImportBatch.objects.count() == 1


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
def test_a_full_disk_under_the_log_keeps_no_page_from_readers(transactional_db):
    # A process of its own, because the log of this one belongs to the tests.
    post, port = make_post(released=True), free_port()
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}", "alphanode.wsgi"]
    environment = os.environ | SETTINGS | {"DATABASE_URL": database_url(), "LOG_LEVEL": "INFO"}
    with open("/dev/full", "w") as full, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=full) as site:

        def answers():
            assert site.poll() is None
            with suppress(OSError):
                return ask(port, "/", Host="127.0.0.1")[0] == 200

        try:
            wait_until(answers)
            for path in (post.get_absolute_url(), "/search/?q=words", "/nowhere/"):
                assert ask(port, path, Host="127.0.0.1")[0] in (200, 404)
        finally:
            site.terminate()
            site.wait(timeout=PATIENT_SECONDS)


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(hours=-1), timedelta(days=3)])
def test_a_clock_that_jumps_carries_out_a_plan_once(db, jump):
    by, now = person(), timezone.now()
    post = approve(make_post(), by=by, release=False)
    plan = Plan("release", now + timedelta(minutes=1), "UTC", post.head_revision, by, "Less toil.", "Roll back.")
    schedule_release(post, plan, by=by, now=now)
    for moment in (now, now + timedelta(minutes=2), now + timedelta(minutes=2) + jump, now + timedelta(minutes=3)):
        run_due(moment)
    assert Release.objects.filter(post=post).count() == 1
    assert Post.objects.get(pk=post.pk).live_revision_id == post.head_revision_id


def test_a_worker_whose_clock_is_ahead_carries_out_no_plan_before_its_time(db, monkeypatch):
    by, now = person(), timezone.now()
    post = approve(make_post(), by=by, release=False)
    plan = Plan("release", now + timedelta(days=1), "UTC", post.head_revision, by, "Less toil.", "Roll back.")
    schedule_release(post, plan, by=by, now=now)
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(days=3))
    assert run_due() == [] and not Release.objects.filter(post=post).exists()
