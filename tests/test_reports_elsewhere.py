"""What a Sentry and OpenTelemetry are told: nothing of texts, secrets and people; and what a missing package says."""

import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_sdk import Transport, get_client, get_global_scope, get_isolation_scope

from posts.logs import request_id
from posts.measures import measures
from posts.monitoring import queries
from posts.monitoring.sentry import begin_sentry
from posts.monitoring.traces import begin_traces
from tests import test_settings

pytestmark = pytest.mark.once
load = test_settings.load
SECRET = "a-secret-that-must-stay-here"


class Kept(Transport):
    """Keeps what would be sent."""

    events: list = []

    def capture_envelope(self, envelope):
        self.events.append(envelope.get_event())


@pytest.fixture
def sent():
    """Report to a transport in memory; return the list of events."""
    before = get_client()
    Kept.events = []
    begin_sentry("https://key@sentry.example.org/1", "tests", transport=Kept)
    get_isolation_scope().set_user({"username": SECRET})
    yield Kept.events
    get_isolation_scope().clear()
    get_global_scope().set_client(before)


def fail(password):
    raise ValueError(f"Key (email)=({password}) exists")


def test_an_error_is_reported_with_its_place_and_without_a_value(sent):
    token = request_id.set("request-12345678")
    try:
        fail(SECRET)
    except ValueError:
        logging.getLogger("posts").exception("Can't save %s", SECRET, extra={"path": f"/preview/{SECRET}/"})
    finally:
        request_id.reset(token)
    (event,) = sent
    assert SECRET not in json.dumps(event, default=str)
    (value,) = event["exception"]["values"]
    assert value["type"] == "ValueError" and value["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["logentry"] == {"message": "Can't save %s"}
    assert event["tags"]["request_id"] == "request-12345678"


def test_what_is_no_error_is_not_reported(sent):
    logging.getLogger("posts").warning("The database is away")
    assert sent == []


def test_a_page_that_breaks_is_reported_once_and_without_what_was_sent(sent, client, db, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("posts.public.search.respond", lambda *arguments, **options: fail(SECRET))
    assert client.get(f"/search/?q={SECRET}", headers={"Cookie": f"sessionid={SECRET}"}).status_code == 500
    assert SECRET not in json.dumps(sent, default=str)
    assert [event["exception"]["values"][-1]["type"] for event in sent] == ["ValueError"]


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    observers, watchers = list(measures.observers), list(queries._watchers)
    begin_traces("http://127.0.0.1:1", 100, exporter=exporter)
    queries.watch_queries()
    queries._watch(type(connection), connection)
    yield exporter
    measures.observers[:], queries._watchers[:] = observers, watchers
    connection.execute_wrappers[:] = [one for one in connection.execute_wrappers if one is not queries._timed]


def test_a_trace_has_the_route_and_its_statements_without_values(spans, client, db):
    assert client.get(f"/search/?q={SECRET}").status_code == 200
    found = spans.get_finished_spans()
    request = found[-1]
    assert request.name == "posts:search" and request.attributes["http.response.status_code"] == 200
    statements = [span for span in found if span.parent and span.parent.span_id == request.context.span_id]
    assert statements and all(len(span.attributes["db.statement.fingerprint"]) == 12 for span in statements)
    assert all(
        request.start_time <= span.start_time <= span.end_time <= request.end_time + 10**9 for span in statements
    )
    assert SECRET not in "".join(span.to_json() for span in found)


@pytest.mark.parametrize(
    ("setting", "value", "extra"),
    [
        ("SENTRY_DSN", "https://key@sentry.example.org/1", "sentry"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "otel"),
    ],
)
def test_a_setting_without_its_packages_says_how_to_install_them(request, monkeypatch, setting, value, extra):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    with pytest.raises(ImproperlyConfigured) as refused:
        request.getfixturevalue("load")(**{setting: value})
    assert f"{setting} is set, but its packages are missing." in str(refused.value)
    assert f"-r requirements-{extra}.txt" in str(refused.value)
