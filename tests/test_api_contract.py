"""The API against its own OpenAPI document, by requests that a program makes up from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from posts.importing.generators import save_generator
from posts.importing.tokens import create_token
from posts.listing.site_stats import store_site_stats
from posts.models import ApiToken, Generator
from posts.operations import change_slug, withdraw_post
from tests.factories import make_post, person

# The live server commits what a request does.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


# What its schema can't say of a record (no empty title) is refused later; the rows of a file are judged by a worker.
CONFIG = """
[[operations]]
include-operation-id = "createImport"
[operations.checks.negative_data_rejection]
expected-statuses = ["202", "400", "401", "403", "404", "405", "406", "409", "411", "413", "415", "422", "429"]
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "422"]

[[operations]]
include-operation-id = "putPost"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "403", "412", "422"]
"""


def token_of_a_generator():
    """Return a token that may do all that tokens can, as often as a program likes."""
    staff = person("Staff")
    generator = save_generator(Generator(name="penwright 3", backlog_limit=None), by=staff)
    token = ApiToken(generator=generator, label="x", may_read_decisions=True, may_roll_back=True)
    token.requests_per_minute = 1_000_000
    return create_token(token, by=staff)


def requested(live_server, *options):
    """Return what schemathesis says after it has tried a site with posts in every state."""
    for number in range(3):
        make_post(slug=f"post-{number}", released=True, title="Draining", difficulty="beginner", tags=["queues"])
    make_post(slug="waits")
    change_slug(make_post(slug="old", released=True), "moved", by=person())
    withdraw_post(make_post(slug="gone", released=True), by=person())
    store_site_stats()
    Path("schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{live_server.url}/api/openapi.json"]
    command += ["--url", live_server.url, "--checks", "all", "--no-color", *options]
    command += ["--header", f"Authorization: Bearer {token_of_a_generator()}"]
    # Away from the tree: it keeps what it found in its working folder.
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path):
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")


def test_made_up_requests_find_no_difference_between_the_api_and_its_document(live_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The phase left out tries each boundary of each value, some minutes of it; the heavy form below has it.
    found = requested(live_server, "--phases", "examples,fuzzing", "--max-examples", "5", "--generation-deterministic")
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]


@pytest.mark.torture
def test_many_made_up_requests_find_none_either(live_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = requested(live_server, "--max-examples", "300")
    assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
