"""The meta box of an article: every field of the record as text, whatever the record holds."""

from html.parser import HTMLParser

import pytest

from tests.factories import make_post

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
        "score": {f"score {HOSTILE}": 80},
        "reference": f"reference {HOSTILE}",
        "flags": {f"flag {HOSTILE}": 1},
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
    for what in [*said.split(), "note", "author", "tag", "extra", "extra value", "outline value"]:
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


def test_a_list_of_more_than_twenty_starts_closed_and_says_how_many_there_are(client):
    post = make_post(tools=[f"tool {number}" for number in range(21)])
    html = client.get(post.get_absolute_url()).content.decode()
    assert '<details class="more"><summary>21 items</summary><ul class="meta-list">' in html
    post = make_post(tools=[f"tool {number}" for number in range(20)])
    assert '<details class="more"><summary>' not in client.get(post.get_absolute_url()).content.decode()
