"""Imports in a real Chromium: accessible, usable on a phone, with live progress."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from posts.importing.tasks import begin, run_import
from posts.jobs import run_waiting_jobs
from posts.models import ImportBatch, ImportIssue, Post
from posts.operations import record_revision
from tests.browser.axe import violations
from tests.browser.test_admin_pages import sign_in
from tests.factories import RecordFactory, import_records, person
from tests.torture.kills import lines_of

pytestmark = pytest.mark.browser


@pytest.fixture
def batch():
    """Import created, refused and conflicting rows; return the import."""
    record = RecordFactory()
    import_records(record)
    post = Post.objects.get()
    record_revision(post, {**post.working_record(), "summary": "A person wrote this."}, by=person("Editors"))
    bad = [RecordFactory(score={"quality": 840}), {"source_id": "x" * 90, "title": "T"}]
    return import_records(RecordFactory(), *bad, {**record, "body": "The machine wrote " + "x" * 300})


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (320, "dark")])
def test_the_pages_of_imports_have_nothing_for_axe_and_fit(browser_page, superuser, batch, width, scheme):
    watched = browser_page(width=width, scheme=scheme)
    sign_in(watched, superuser)
    addresses = [
        reverse("admin:posts_importbatch_changelist"),
        reverse("admin:posts_importbatch_new"),
        reverse("admin:posts_importbatch_change", args=[batch.pk]),
        reverse("admin:posts_importbatch_rollback", args=[batch.pk]),
        *(reverse("admin:posts_importissue_change", args=[issue.pk]) for issue in ImportIssue.objects.all()),
    ]
    assert len(addresses) == 7
    for address in addresses:
        assert watched.open(address).status == 200
        assert violations(watched.page) == [], address
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, address
    assert watched.complaints == []


@pytest.mark.parametrize("has_script", [True, False])
def test_a_file_is_brought_in_and_watched(browser_page, staff, settings, tmp_path, has_script):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(RecordFactory() for _ in range(3)))
    watched = browser_page(java_script_enabled=has_script)
    sign_in(watched, staff)
    watched.open(reverse("admin:posts_importbatch_new"))
    watched.page.set_input_files("[name=upload]", str(path))
    watched.follow("text=Store the file")
    watched.follow(watched.page.get_by_role("button", name="Import", exact=True))
    watched.page.wait_for_selector("text=Import posts: waiting")
    batch = ImportBatch.objects.get()
    assert begin(run_import, batch, by=staff).key == f"batch {batch.pk}"
    run_waiting_jobs()
    if not has_script:
        watched.follow("text=Reload")
    # The page may look in between the last post and the end.
    expect(watched.page.locator("[data-progress=state]")).to_have_text("Finished")
    expect(watched.page.locator("[data-count=created]")).to_have_text("3")
    assert watched.complaints == []
