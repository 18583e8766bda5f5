"""The meta box of an article: every field of any record, as text."""

import gc
import tracemalloc
from html.parser import HTMLParser

import pytest

from posts.models import Post, Term
from tests.factories import import_records, make_post

pytestmark = pytest.mark.django_db

HOSTILE = """<b class="evil" onclick='x()'>&amp;</b>"""


class Box(HTMLParser):
    """The texts and the attributes of the meta box of a page, and the addresses of its links by their words."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.attributes, self.links, self._link = [], [], {}, None
        self.feed(html.partition('<section class="post-meta"')[2].partition("</section>")[0])

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        self._link = dict(attributes).get("href") if tag == "a" else None

    def handle_endtag(self, tag):
        self._link = None

    def handle_data(self, data):
        if text := data.strip():
            self.texts.append(text)
            if self._link:
                self.links[text] = self._link


@pytest.mark.parametrize("is_released", [True, False])
def test_whatever_a_field_holds_stands_in_the_box_as_text(client, is_released):
    fields = {
        "topic": f"topic {HOSTILE}",
        "summary": f"summary {HOSTILE}",
        "ai_outline": {f"outline {HOSTILE}": f"outline value {HOSTILE}"},
        "ai_brief": f"brief {HOSTILE}",
        "stack": [f"stack {HOSTILE}"],
        "tools": [f"tool {HOSTILE}"],
        "code_language": f"code {HOSTILE}",
        "difficulty": f"level {HOSTILE}",
        "score": {f"score {HOSTILE}": 80, "deep": [f"score value {HOSTILE}"]},
        "reference": f"reference {HOSTILE}",
        "flags": {f"flag {HOSTILE}": 1, "deep": [f"flag value {HOSTILE}"]},
        "checklist": [f"point {HOSTILE}"],
        "entities": [{"name": f"entity {HOSTILE}", "type": f"type {HOSTILE}"}],
        "payload": {"generator": f"generator {HOSTILE}", "deep": [{f"key {HOSTILE}": [f"leaf {HOSTILE}"]}]},
        "notes": [f"note {HOSTILE}"],
        "authors": [f"author {HOSTILE}"],
        "tags": [f"tag {HOSTILE}"],
        "unknown": {f"extra {HOSTILE}": f"extra value {HOSTILE}"},
    }
    post = make_post(released=is_released, **fields)
    box = Box(client.get(post.get_absolute_url()).content.decode())
    assert "evil" not in [value for _, value in box.attributes]
    assert "onclick" not in [name for name, _ in box.attributes]
    said = "topic summary outline brief stack tool code level score reference flag point entity type generator key leaf"
    for what in [
        *said.split(),
        "note",
        "author",
        "tag",
        "extra",
        "extra value",
        "outline value",
        "score value",
        "flag value",
    ]:
        assert f"{what} {HOSTILE}" in box.texts, what


def test_what_other_posts_share_leads_to_their_list_and_nothing_else_does(client):
    post = make_post(released=True, tools=["pgx"], entities=[{"name": "Leases", "type": "pgx"}], notes=["pgx"])
    box = Box(client.get(post.get_absolute_url()).content.decode())
    assert box.links["pgx"] == "/tools/pgx/" and box.links["Leases"] == "/entities/leases/"
    assert box.texts.count("pgx") > list(box.links).count("pgx")


def test_what_waits_for_a_person_leads_to_the_lists_of_approved_texts_that_share_it(client, django_assert_num_queries):
    make_post(released=True, tools=["pgx"], difficulty="advanced", tags=["locks"])
    waiting = make_post(tools=["pgx", "nobody else's"], difficulty="advanced", tags=["leases"])
    with django_assert_num_queries(2):
        box = Box(client.get(waiting.get_absolute_url()).content.decode())
    assert box.links["pgx"] == "/tools/pgx/" and box.links["advanced"] == "/difficulties/advanced/"
    assert "leases" not in box.links and "nobody else's" not in box.links
    assert {"leases", "nobody else's"} < set(box.texts)


def test_what_shares_nothing_but_its_level_and_its_stack_leads_to_their_lists(client):
    make_post(released=True, stack=["Go"], tools=["pgx"], difficulty="advanced")
    Term.objects.filter(kind="stack").update(listed_count=1_000_000)
    waiting = make_post(stack=["Go"], tools=["asyncpg"], difficulty="advanced", entities=[], tags=[], topic="other")
    page = client.get(waiting.get_absolute_url()).content.decode()
    assert Box(page).links["advanced"] == "/difficulties/advanced/" and Box(page).links["Go"] == "/stacks/go/"
    assert '<li><a href="/stacks/go/" dir="auto">Go</a></li>' in page.partition("</nav>")[2]


def test_a_record_of_nothing_but_its_text_has_a_box_that_says_so(client):
    import_records({"source_id": "bare", "title": "A title", "body": "Words."})
    bare = Post.objects.get()
    told = "The record says nothing more about itself."
    assert told in client.get(bare.get_absolute_url()).content.decode()
    assert told not in client.get(make_post(tags=["queues"]).get_absolute_url()).content.decode()


def test_a_waiting_text_with_a_hundred_thousand_tags_has_a_page(client):
    waiting = make_post(tags=[f"t{number}" for number in range(100_000)])
    assert client.get(waiting.get_absolute_url()).status_code == 200


def test_numbers_that_say_how_much_are_drawn(client):
    fields = {"score": {"clarity": 80}, "flags": {"sponsored": 1}, "difficulty": "advanced", "reading_time": 7}
    post = make_post(view_count=12460, **fields)
    html = client.get(post.get_absolute_url()).content.decode()
    assert '<span class="scores__value">80</span> <svg class="score-bar"' in html
    assert '<li class="flags__item flags__item--yes"><span class="flags__label">sponsored</span>' in html
    assert '>advanced</span> <svg class="level"' in html and '<dd dir="auto">7 <small>min</small></dd>' in html
    assert ">12,460</dd>" in html


def test_no_long_text_of_a_record_stays_in_memory_because_it_was_shown(client):
    addresses = [
        make_post(payload={f"{number}{'&' * 500_000}": f"{number}{'<' * 200_000}"}).get_absolute_url()
        for number in range(2)
    ]
    client.get(addresses[0])
    tracemalloc.start()
    try:
        assert client.get(addresses[1]).status_code == 200
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 400_000
    finally:
        tracemalloc.stop()


def test_a_list_of_more_than_twenty_starts_closed_and_says_how_many_there_are(client):
    post = make_post(tools=[f"tool {number}" for number in range(21)])
    html = client.get(post.get_absolute_url()).content.decode()
    assert '<details class="more"><summary>21 items</summary><ul class="meta-list">' in html
    post = make_post(tools=[f"tool {number}" for number in range(20)])
    assert '<details class="more"><summary>' not in client.get(post.get_absolute_url()).content.decode()
