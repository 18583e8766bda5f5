"""What a stranger can make the site do: bounded work for every public address, whatever its parameters are."""

from contextlib import suppress

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, get_resolver

from posts.models import Term
from tests.costly_requests import worst_requests
from tests.factories import make_post
from tests.test_headers import all_routes

pytestmark = pytest.mark.django_db
# The most queries of any public answer. A search that finds nothing looks for other spellings, a few for each word.
MOST_QUERIES = 40
# Most answers ask far fewer.
USUAL_QUERIES = 16


@pytest.fixture
def worst():
    post = make_post(released=True)
    make_post(released=True, stack=["Go services", "other"])
    terms = {Term.PLURALS[term.kind]: term.slug for term in Term.objects.order_by("listed_count") if term.slug}
    return list(worst_requests(post.slug, {kinds: slug for kinds, slug in terms.items() if kinds != "authors"}))


def counts_of(worst):
    counts = {}
    for name, address in worst:
        client = Client()
        client.raise_request_exception = False
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(address)
            b"".join(answer)
        assert answer.status_code < 500, name
        counts[name] = len(asked)
    return counts


def test_the_worst_parameters_of_every_public_address_ask_a_bounded_number_of_queries(worst):
    counts = counts_of(worst)
    assert max(counts.values()) <= MOST_QUERIES, counts
    assert {name for name, count in counts.items() if count > USUAL_QUERIES} <= {
        name for name in counts if name.startswith("search")
    }, counts


def test_more_posts_ask_no_more_queries(worst):
    before = counts_of(worst)
    for number in range(8):
        make_post(released=True, stack=["Go services", f"stack {number}"], tools=[f"tool {number}"])
    assert {name: count for name, count in counts_of(worst).items() if count > before[name] + 2} == {}


@pytest.mark.once
def test_every_public_address_has_its_worst_request(worst):
    patterns = get_resolver()
    asked = set()
    for _, address in worst:
        # One of them is an address that no page has.
        with suppress(Resolver404):
            asked.add(str(patterns.resolve(address.partition("?")[0]).route))
    # What only redirects or answers from nothing but the settings, and what takes a token, has no worst case here.
    left = {"media/", "api/v1/", "admin/", "logo", "card.png", "robots", "healthz", "readyz", "metrics", ".well-known"}
    public = {route for route in all_routes() if not route.startswith(tuple(left)) and "<" in route}
    missing = {route for route in public - asked if not route.startswith(("^", "<path", "tags/"))}
    assert missing <= {"posts/<letters:slug>/report/", "preview/<str:token>/"}, missing
