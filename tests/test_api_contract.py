"""The API against its own OpenAPI document, by requests that a program makes up from it."""

import subprocess
import sys

import pytest

from posts.listing.site_stats import store_site_stats
from posts.operations import change_slug, withdraw_post
from tests.factories import make_post, person

# The live server commits what a request does.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


def requested(live_server, *options):
    """Return what schemathesis says after it has tried a site with posts in every state."""
    for number in range(3):
        make_post(slug=f"post-{number}", released=True, title="Draining", difficulty="beginner", tags=["queues"])
    make_post(slug="waits")
    change_slug(make_post(slug="old", released=True), "moved", by=person())
    withdraw_post(make_post(slug="gone", released=True), by=person())
    store_site_stats()
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{live_server.url}/api/openapi.json"]
    command += ["--url", live_server.url, "--checks", "all", "--no-color", *options]
    # Away from the tree: it keeps what it found in its working folder.
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_made_up_requests_find_no_difference_between_the_api_and_its_document(live_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = requested(live_server, "--max-examples", "5", "--generation-deterministic")
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]


@pytest.mark.torture
def test_many_made_up_requests_find_none_either(live_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = requested(live_server, "--max-examples", "300")
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
