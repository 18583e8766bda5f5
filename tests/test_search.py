"""Search: what is found, in which order, how it is shown, and that it follows every release."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from posts.db.unchanged import forget
from posts.importing.index_switch import follow_batch_switch, switch_batch_index
from posts.listing.tasks import bring_lists_up_to_date
from posts.models import (
    FormerTermSlug,
    ImportBatch,
    ListedText,
    PlainText,
    Post,
    PostTerm,
    Revision,
    SpellingKey,
    Term,
)
from posts.operations import flag_post, record_revision, roll_back, withdraw_post
from posts.search import index_texts, other_spelling, postgresql, search_posts
from posts.search.query_parser import Wish, read_query
from posts.search.snippets import plain_words, prose_of, snippet
from posts.search.spelling import distance, near_words
from posts.search.tokens import WORD, hits_in, stem_of, words_in
from tests.every_page import make_every_page
from tests.factories import approve, make_post, person
from tests.test_public_lists import released, slugs_on
from tests.test_public_pages import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Give a busy machine time for a suggestion."""
    monkeypatch.setattr("posts.search.search.SUGGESTION_SECONDS", 30)


def found(client, words, **filters):
    return slugs_on(client.get("/search/", {"q": words, **filters}))


def test_a_word_is_found_in_every_part_of_a_text_and_in_each_of_its_forms(client):
    post = make_post(
        released=True,
        title="Naïve retries",
        summary="Why backoff matters.",
        intro="Four receipts were lost.",
        body="The ledger was locked.\n\n```go\nfunc drainPool() { pool.Acquire() }\n```\n\n"
        "[a link](https://x.example/hidden)",
        stack=["C++ daemons"],
        tools=["Node.js"],
        topic="idempotency",
        entities=[{"name": "Wörld"}],
        tags=["キュー処理"],
    )
    make_post(released=True, title="Something else")
    for words in (
        "naive", "RETRY", "retrying", "backoff", "receipt", "locks", "drainpool", "acquire", "C++", "node.js",
        "idempotency", "world", "処理", "retry ledger", '"receipts were lost"', "the naïve retries of node.js",
    ):  # fmt: skip
        assert found(client, words) == [post.slug], words
    for words in ("hidden", "js.node", '"were receipts lost"', "C#", "retry absent"):
        assert found(client, words) == [], words


def test_what_a_text_is_about_comes_before_what_mentions_it(client):
    mentions = make_post(released=True, title="Notes", body="A mutex is used. " + "Other words stand here. " * 40)
    tool = make_post(released=True, title="Tools", body="Other words.", tools=["mutex"])
    title = make_post(released=True, title="The mutex", body="Other words.")
    assert found(client, "mutex") == [title.slug, tool.slug, mentions.slug]


def test_what_is_about_a_frequent_word_is_found_among_however_many_that_hold_it(client, monkeypatch):
    title = make_post(released=True, title="Signals explained")
    released(4, body="A signal comes. A signal goes.")
    monkeypatch.setattr("posts.search.search.CAP", 3)
    response = client.get("/search/", {"q": "signal"})
    assert slugs_on(response)[0] == title.slug and len(slugs_on(response)) == 3
    assert "More than 3 articles" in words_of(response.content.decode())


def test_where_enough_texts_are_about_a_word_those_that_hold_it_are_not_looked_for(client, monkeypatch):
    released(4, title="Signals explained")
    make_post(released=True, title="Notes", body="A signal comes. A signal goes.")
    asked = {}
    for cap in (200, 3):
        monkeypatch.setattr("posts.search.search.CAP", cap)
        with CaptureQueriesContext(connection) as queries:
            asked[cap] = slugs_on(client.get("/search/", {"q": "signal"})), len(queries)
    assert set(asked[3][0]) < set(asked[200][0]) and asked[3][1] < asked[200][1]


@pytest.mark.parametrize(
    "words",
    ["\x00", '"', '""', '" OR 1=1', "a\x00b", "NEAR(", "title:", "{title} : x", "-", "NOT", "*", "AND AND", "'",
     "a'b\\'", "!&|<->()", "ﷺ", "½ ⁄", "\ud7ff\u202e", "x" * 5000, "1-1",
     "^x", "é\u0301", "%s %(x)s", "İ", "\u2028", "A" * 300],
)  # fmt: skip
def test_no_character_in_a_query_is_an_error(client, words):
    make_post(released=True)
    response = client.get("/search/", {"q": words})
    assert response.status_code == 200 and response.headers["X-Robots-Tag"] == "noindex"


def test_the_search_page_is_never_for_search_engines_and_sets_no_cookie(client):
    released(3)
    for address in ("/search/", "/search/?q=draining", "/search/?q=nothing"):
        response = client.get(address)
        assert response.headers["X-Robots-Tag"] == "noindex"
        assert '<meta name="robots" content="noindex">' in response.content.decode()
        assert not response.cookies


def test_hits_are_marked_and_what_a_text_holds_is_text(client):
    make_post(
        released=True,
        title="Retries & <b>loops</b>",
        body="Before. " * 200 + "Here <script>alert(1)</script> the retrying worker stops. " + "After. " * 200,
    )
    html = client.get("/search/", {"q": "retry worker <i>"}).content.decode()
    assert "<mark>Retries</mark> &amp; &lt;b&gt;loops&lt;/b&gt;" in html
    assert (
        "… " in html and "&lt;script&gt;alert(1)&lt;/script&gt; the <mark>retrying</mark> <mark>worker</mark>" in html
    )
    assert "<script>alert" not in html and "<i>" not in html
    assert 'value="retry worker &lt;i&gt;"' in html


def test_the_examples_of_searches_show_what_their_names_say(client):
    pages = {name: client.get(address).content.decode() for name, (address, _) in make_every_page().items()}
    assert "<mark>" in pages["search, found"]
    assert "Nothing found" in pages["search, nothing found"] and "Did you mean" in pages["search, nothing found"]
    assert "Nothing found" in pages["search, nothing alike"] and "Did you mean" not in pages["search, nothing alike"]


def test_search_follows_each_release(client):
    post = make_post(title="About ledgers", body="The heron flies.")
    assert found(client, "heron") == []
    post = approve(post)
    assert found(client, "heron") == [post.slug]
    flag_post(post, by=person("Staff"), note="Look.")
    assert found(client, "heron") == []
    post = approve(post)
    assert found(client, "heron") == [post.slug]
    record = post.working_record() | {"body": "The bittern flies."}
    record_revision(post, record, by=person("Editors"))
    assert (found(client, "heron"), found(client, "bittern")) == ([post.slug], [])
    post = approve(post)
    assert (found(client, "heron"), found(client, "bittern")) == ([], [post.slug])
    roll_back(post, by=person(), why="No bittern.")
    assert (found(client, "heron"), found(client, "bittern")) == ([post.slug], [])
    withdraw_post(post, by=person())
    assert found(client, "heron") == [] and not ListedText.objects.exists()


def test_what_was_approved_in_bulk_is_not_found(client):
    approve(make_post(title="Bulk heron"), is_bulk=True)
    assert found(client, "heron") == []


def kept_texts():
    """Return how many texts search keeps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM posts_search")
        return cursor.fetchone()[0]


def state():
    return (
        set(Term.objects.filter(listed_count__gt=0).values_list("kind", "name", "slug", "listed_count")),
        set(PostTerm.objects.values_list("post", "term", "published_at")),
        set(ListedText.objects.values_list("post", "revision", "published_at", "reviewed_at", "generator")),
    )


def test_the_switch_of_an_import_takes_its_posts_off_every_list_at_once_and_counts_follow(client, staff):
    posts = released(3)
    other = make_post(released=True)
    batch, before = posts[0].last_batch, state()
    addresses = ("/", "/articles/", "/stacks/go-services/", "/search/?q=draining")
    switch_batch_index(batch, is_open=False, by=staff)
    for address in addresses:
        assert set(slugs_on(client.get(address))) == {other.slug}, address
    follow_batch_switch(ImportBatch.objects.get(pk=batch.pk))
    assert Term.objects.get(kind="stack", slug="go-services").listed_count == 1
    assert "1 approved article" in words_of(client.get("/stacks/go-services/").content.decode())
    assert "1 article for" in words_of(client.get("/search/?q=draining").content.decode())
    switch_batch_index(batch, is_open=True, by=staff)
    follow_batch_switch(ImportBatch.objects.get(pk=batch.pk))
    assert state() == before
    for address in addresses:
        assert set(slugs_on(client.get(address))) == {other.slug, *(post.slug for post in posts)}, address


def test_the_switch_of_the_site_empties_lists_and_search_and_moves_no_row(client, settings):
    posts = released(3)
    before = state()
    settings.INDEXING = False
    late = make_post(released=True)
    for address in ("/", "/articles/", "/search/?q=draining"):
        response = client.get(address)
        assert slugs_on(response) == [] and response.headers["X-Robots-Tag"] == "noindex"
    assert client.get("/stacks/go-services/").status_code == 404
    assert "<li>" not in client.get("/stacks/").content.decode().split("<main")[1].split("</main")[0].split("<h1")[1]
    settings.INDEXING = True
    assert set(slugs_on(client.get("/search/?q=draining"))) == {late.slug, *(post.slug for post in posts)}
    assert state() != before


def test_rebuild_search_repairs_whatever_is_out_of_step(client):
    posts = released(3, language="en", payload={"generator": "a mill"})
    flag_post(released(1)[0], by=person("Staff"), note="Look.")
    before = state()
    ListedText.objects.filter(post=posts[0]).delete()
    PostTerm.objects.filter(post=posts[1]).delete()
    PostTerm.objects.create(post=make_post(), term=Term.objects.first(), published_at=posts[0].first_published_at)
    Term.objects.filter(kind="tool").update(listed_count=77, slug="")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM posts_search")
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM posts_search_head")
    index_texts([(ListedText(pk=10**9, post=posts[0]), posts[0].live_revision.snapshot, [])])
    SpellingKey.objects.all().delete()
    assert found(client, "draining") == []
    out = StringIO()
    call_command("rebuild_search", stdout=out)
    # One of them is only there because a row says so.
    assert out.getvalue().startswith("4 posts checked in ")
    assert state() == before and kept_texts() == 3
    assert len(found(client, "draining")) == 3 and near_words(["drainign"]) == {"drainign": ["draining"]}


def test_the_background_writes_everything_once_for_each_version_of_the_code(client, monkeypatch):
    released(2)
    bring_lists_up_to_date.call()
    ListedText.objects.all().delete()
    bring_lists_up_to_date.call()
    assert not ListedText.objects.exists()
    monkeypatch.setattr("posts.listing.rebuild.LISTS_VERSION", 99)
    monkeypatch.setattr("posts.listing.rebuild.CHUNK", 1)
    bring_lists_up_to_date.call()
    assert ListedText.objects.count() == 2 and len(found(client, "draining")) == 2


def test_filters_narrow_a_search_and_say_how_many_they_leave(client):
    go = make_post(released=True, stack=["Go"], difficulty="advanced", title="Draining one")
    make_post(released=True, stack=["Rust"], difficulty="advanced", title="Draining two")
    make_post(released=True, stack=["Go"], difficulty="beginner", title="Draining three")
    text = words_of(client.get("/search/?q=draining").content.decode())
    assert "Advanced 2" in text and "Beginner 1" in text and "Go 2" in text and "Rust 1" in text
    response = client.get("/search/?q=draining&stack=go&difficulty=advanced")
    assert slugs_on(response) == [go.slug]
    text = words_of(response.content.decode())
    assert re.search("1 article for “draining” ?, Advanced, Go, best match first", text) and "Beginner 1" in text
    assert found(client, "draining", stack="none") == [] and found(client, "draining", stack="a\x00b") == []


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one way")
@pytest.mark.parametrize("in_head", [False, True])
@pytest.mark.parametrize("limit", [3, 100])
def test_postgresql_finds_the_same_whichever_way_it_takes(limit, in_head, monkeypatch):
    for number in range(12):
        make_post(released=True, title=f"Zebras {number}" if number % 3 else f"Retries {number}", tools=["Go"])
    last = ListedText.objects.latest("pk").pk
    found = {}
    with connection.cursor() as cursor:
        # Few expected: all are looked at. Some: the latest part first. Most: a walk.
        for way, expected in {"all": 1, "part": last // 4, "walk": last}.items():
            monkeypatch.setattr(postgresql, "FEW", 2)
            monkeypatch.setattr(postgresql, "WALKED_FROM", 0)
            monkeypatch.setattr(postgresql, "_expected", lambda *_, expected=expected: (last, [expected]))
            query = read_query("zebra -retry")
            (planned,) = postgresql.plan(cursor, query, [Wish([], limit, in_head)])
            found[way] = postgresql.find(cursor, query, planned, is_ranked=True)
            unranked = postgresql.find(cursor, query, planned, is_ranked=False)
            assert sorted(unranked) == sorted((number, 0) for number, _ in found[way])
    numbers = sorted(ListedText.objects.filter(revision__snapshot__contains="Zebras").values_list("pk", flat=True))
    assert sorted(number for number, _ in found["all"]) == numbers[-limit:]
    assert sorted(found["part"]) == sorted(found["walk"]) == sorted(found["all"])


def test_pages_of_a_search_hold_every_hit_once(client, monkeypatch):
    monkeypatch.setattr("posts.public.search.PAGE", 2)
    posts = released(5)
    pages = [found(client, "draining", page=number) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {slug for page in pages for slug in page} == {post.slug for post in posts}
    for number in ("0", "-1", "x", "9999", "99999", "²"):
        assert len(found(client, "draining", page=number)) in (1, 2)


def test_a_slip_is_answered_with_a_word_that_is_found(client):
    make_post(released=True, title="Kubernetes probes", body="A probe asks.")
    for slip in ("Kuberntes", "kubernetse", "cubernetes", "kubernettes"):
        html = client.get("/search/", {"q": f"{slip} probe"}).content.decode()
        assert 'Did you mean <a href="?q=kubernetes%20probe" dir="auto">kubernetes probe</a>?' in html, slip
    assert "Did you mean" not in client.get("/search/?q=zzzzzz").content.decode()
    withdraw_post(Post.objects.get(), by=person())
    assert "Did you mean" not in client.get("/search/?q=Kuberntes").content.decode()


def slips_of(word):
    """Yield words that differ from one in a single mistake, of each kind and at each place."""
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[:at] + "q" + word[at + 1 :]
        yield word[:at] + "q" + word[at:]
        yield word[:at] + word[at] + word[at:]
        yield word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
    yield word + "q"


@pytest.mark.parametrize("word", ["retry", "postgres", "sql", "cache", "kubernetes"])
def test_each_single_mistake_in_a_word_is_answered_with_the_word(word):
    make_post(released=True, title="Notes", body=f"We use {word} here. Later, {word} again.")
    for slip in set(slips_of(word)) - {word}:
        query = read_query(slip)
        if not search_posts(slip).posts:
            assert other_spelling(query) == word, slip


def test_a_mistaken_beginning_of_a_long_word_is_answered_with_the_word():
    make_post(released=True, title="PostgreSQL locks")
    for slip in ("postgress", "postgrse", "postgrez", "potgres"):
        assert other_spelling(read_query(f"{slip} lock")) == "postgresql lock", slip


def test_a_word_that_a_version_with_fewer_keys_learnt_gets_the_others(client):
    make_post(released=True, title="PostgreSQL locks")
    SpellingKey.objects.filter(key="postgres").delete()
    call_command("rebuild_search", stdout=StringIO())
    assert other_spelling(read_query("postgress")) == "postgresql"


def test_a_word_of_a_summary_is_suggested_and_a_mistake_within_a_text_is_not():
    make_post(
        released=True, title="Notes", summary="About ledgers.", body="A ledgre is a mistake. Idempotency matters."
    )
    assert other_spelling(read_query("ledgerz")) == "ledgers"
    assert near_words(["ledgree", "idempotenci"]) == {"ledgree": [], "idempotenci": []}


def test_a_word_that_is_excluded_is_never_corrected():
    make_post(released=True, title="Kubernetes probes", body="A probe asks.")
    assert other_spelling(read_query("kubernetse -probez")) == "kubernetes -probez"
    assert other_spelling(read_query("prohbes -kuberntes")) == "probes -kuberntes"


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [("queue", "queue", 0), ("queue", "qeueu", 2), ("queue", "quue", 1), ("queue", "queues", 1), ("ab", "ba", 1),
     ("kafka", "kakfa", 1), ("", "abc", 3), ("rust", "ruby", 2)],
)  # fmt: skip
def test_slips_are_counted(one, other, slips):
    assert distance(one, other) == distance(other, one) == slips


def test_a_query_is_words_phrases_and_never_more():
    assert read_query('retries "drain the pool" node.js the').phrases == (
        ("retri",), ("drain", "the", "pool"), ("node", "js"),
    )  # fmt: skip
    assert read_query("the").phrases == (("the",),)
    assert not read_query("?! -- ()") and not read_query("")
    assert len(read_query(" ".join(f"word{number}" for number in range(90))).phrases) == 10


def test_a_word_or_phrase_after_a_minus_must_be_absent(client):
    kafka = make_post(released=True, title="Queues", body="They run on Kafka in the end.", tools=["pgx"])
    redis = make_post(
        released=True, title="Queues", body="They run on Redis at first.", summary="No broker.", tools=["make"]
    )
    for words, left in (
        ("queue -kafka", redis), ("queue -Kafka", redis), ("-kafka queue", redis), ("queue -redis", kafka),
        ("queue -broker", kafka), ("queue -pgx", redis), ("queues -make", kafka), ('queue -"redis at first"', kafka),
        ('"run on" -"on kafka"', redis), ("queue -zebra -kafka", redis), ('"on redis" -kafka', redis),
    ):  # fmt: skip
        assert found(client, words) == [left.slug], words
    both = {kafka.slug, redis.slug}
    for words in ('queue -"first at redis"', "queue -the", "queue - kafka", "queue --kafka", "run-on"):
        assert set(found(client, words)) == (both if "kafka" not in words else {kafka.slug}), words
    for words in ("queue -kafka -redis", "-kafka", '-"on kafka" -redis', "queue -queues"):
        assert found(client, words) == [], words
    assert found(client, "queue -kafka", tool="make") == [redis.slug]
    assert found(client, "queue -kafka", tool="pgx") == []


def test_a_search_that_only_excludes_says_what_to_add(client):
    make_post(released=True)
    text = words_of(client.get("/search/?q=-kafka").content.decode())
    assert "Add a word to find" in text and "Did you mean" not in text


def test_a_minus_counts_only_where_a_word_begins():
    for typed, phrases, excluded in (
        ("x-y", (("x", "y"),), ()),
        ("a1 -b1", (("a1",),), (("b1",),)),
        ('a1 -"b1 c1" -d1', (("a1",),), (("b1", "c1"), ("d1",))),
        ("a1 -b1.c1", (("a1",),), (("b1", "c1"),)),
        ("a1 -", (("a1",),), ()),
        ('a1 -"', (("a1",),), ()),
        ("a1 --b1", (("a1",), ("b1",)), ()),
        ("a1 -the", (("a1",),), ()),
        ("-b1", (), (("b1",),)),
    ):
        assert (read_query(typed).phrases, read_query(typed).excluded) == (phrases, excluded), typed


def test_words_are_the_same_in_every_script_and_form():
    assert words_in("Straße STRASSE ﬁle file Ⅷ viii") == ["strass", "strass", "file", "file", "viii", "viii"]
    assert words_in("キュー C++ c++ C# f_g x-y") == ["キ", "ュ", "ー", "c++", "c++", "c#", "f", "g", "x", "y"]
    assert len(words_in("a" * 5000)[0]) == 40


@given(
    st.lists(
        st.sampled_from(
            [*list("aBé漢あ— _\n-+#.ﬁİß1"), "word", "Works", "c++", "x_y", "dying", "relational", "Hopping", "cries"]
        )
    ),
    st.data(),
)
def test_the_words_of_a_query_are_found_wherever_a_look_at_every_word_finds_them(signs, data):
    text = "".join(signs)
    words = [(found.start(), found.end(), stem_of(found[0])) for found in WORD.finditer(text)]
    stems = data.draw(st.frozensets(st.sampled_from([stem for *_, stem in words if stem] or ["none"]), max_size=3))
    assert list(hits_in(text, stems)) == [word for word in words if word[2] in stems]


def test_a_snippet_is_prose_unless_only_the_code_has_the_words():
    record = {
        "summary": "Short.",
        "body": "# A heading\n\n- item [text](https://x.example)\n\n```py\nx = drain()\n```\n\nEnd.",
    }
    assert prose_of(record) == "A heading · item text · End."
    words = plain_words(record)
    assert all((word, True) in snippet(words, frozenset({word})) for word in ("drain", "text"))
    assert snippet(words, frozenset({"none"})) == [("Short.", False)]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("## What was wrong\n\nFour workers waited.", "What was wrong · Four workers waited."),
        ("## What was wrong\nFour workers waited.", "What was wrong · Four workers waited."),
        ("What was wrong\n---\nFour workers waited.", "What was wrong · Four workers waited."),
        ("What was wrong\n=====\n\nFour workers waited.", "What was wrong · Four workers waited."),
        ("## Why? {#why}\n\nFour workers waited.", "Why? Four workers waited."),
        ("## Why ## {#why}\n\nFour workers waited.", "Why · Four workers waited."),
        ("> ## Why\n> Four workers waited.", "Why · Four workers waited."),
        ("- [x] stop\n- wait\n\nFour workers waited.", "stop · wait · Four workers waited."),
        ("1. stop\n2. wait.\n\nFour workers waited.", "stop · wait. Four workers waited."),
        ("| a | b |\n|---|---|\n| c | d |\n\nFour workers waited.", "a · b · c · d · Four workers waited."),
        ("> [!NOTE]\n> Four workers\n> waited.[^1]\n\n[^1]: Not five.", "Four workers waited. Not five."),
        (":::note\nFour workers waited.\n:::", "Four workers waited."),
        ("Four workers\nwaited **here**\n\n## End", "Four workers waited here · End"),
    ],
)
def test_what_is_no_sentence_of_its_own_never_runs_into_the_next(body, shown):
    assert prose_of({"body": body}) == shown
    assert "".join(text for text, _ in snippet(plain_words({"body": body}), frozenset({"worker"}))) == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("Before.\n```\ncode\n```\nAfter.", "Before. After."),
        ("~~~ py\ncode\n~~~~`  \nAfter.", "After."),
        ("```\n```\nAfter.", "After."),
        ("````\n```\ncode\n```\n````\nAfter.", "After."),
        ("```\ncode\n``` no end\n~~~\n```\nAfter.", "After."),
        ("```\ncode\n ```\ncode", ""),
        ("Before. ```\nAfter.\n```", "Before. After."),
        ("```\ncode\n```\nBetween.\n~~~\ncode\n~~~", "Between."),
    ],
)
def test_a_code_block_is_no_prose_up_to_the_line_that_ends_it(body, shown):
    assert prose_of({"body": body}) == shown


def test_a_snippet_goes_on_where_the_next_lines_have_few_words():
    lines = "\n".join(f"[word{number}](https://x.example/{'a' * 40})" for number in range(9))
    parts = snippet(plain_words({"body": f"A heron flies.\n{lines}"}), frozenset({"heron"}))
    assert "word6" in "".join(text for text, _ in parts)


def test_a_snippet_that_is_cut_says_so_at_each_end_that_is_cut():
    filler = "Nothing of it stands here, or there.\n\n" * 30
    for body, is_cut in (
        (f"A heron flies.\n\n{filler}", (False, True)),
        (f"{filler}A heron flies.\n\n{filler}", (True, True)),
        (f"{filler}A heron flies.", (True, False)),
        ("A heron flies.", (False, False)),
    ):
        text = "".join(text for text, _ in snippet(plain_words({"body": body}), frozenset({"heron"})))
        assert (text.startswith("… "), text.endswith("…")) == is_cut, text
        assert " …" not in text and "·…" not in text


def test_a_snippet_shows_words_that_a_reader_sees_however_far_down_they_stand():
    filler = "Nothing of it here, and more of that.\n\n" * 200
    links = "See [this](https://x.example/drain-queue) first.\n\n"
    body = f"{links}{filler}> They **drain** the `queue` slowly.\n\n{filler}"
    parts = snippet(plain_words({"summary": "Short.", "body": body}), frozenset({"drain", "queue"}))
    assert [text for text, is_hit in parts if is_hit] == ["drain", "queue"]
    assert "They drain the queue slowly." in "".join(text for text, _ in parts)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000,
        "![" * 100_000,
        "[x](" * 50_000,
        "```\n" * 50_001,
        "`" * 200_000,
        " " * 200_000 + "x",
        "-" * 200_000,
    ],
)
def test_no_text_makes_its_prose_or_its_words_slow(body):
    # Immediate, or never: a pattern that starts again at each character would take hours.
    prose_of({"body": body})
    snippet(plain_words({"body": body, "summary": body}), frozenset({"x"}))


HOSTILE_QUERIES = [
    ".".join("abcdefghijklmnopqrstuvwxyz0123456789" * 3),
    " ".join(f"drainx{letter}" for letter in "abcdefghijklmnopqrstu"),
    '"' + "the of " * 40 + '"',
    " ".join(['"the of a"'] * 30),
    "のは" * 100,
    "draining " + " ".join(f"-drainx{letter}" for letter in "abcdefghijklmnopqrstu"),
    "drainx -drainz",
]


@pytest.mark.parametrize("typed", HOSTILE_QUERIES)
def test_no_query_costs_more_than_so_many_statements(client, typed):
    for number in range(3):
        make_post(released=True, title=f"Drainxy drainxz drainxw number {number}", body="The of a draining worker.")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/search/", {"q": typed}).status_code == 200
    assert len(queries) <= 8
    query = read_query(typed)
    assert sum(map(len, query.phrases + query.excluded)) <= 10


CHOICES = [
    {},
    {"stack": "go"},
    {"difficulty": "beginner"},
    {"difficulty": "beginner", "code": "python"},
    {"difficulty": "beginner", "code": "python", "language": "en"},
    {"difficulty": "beginner", "code": "python", "language": "en", "stack": "go", "tag": "queues", "tool": "pgx"},
    {"difficulty": "advanced", "language": "en"},
    {"difficulty": "advanced", "code": "python"},  # each alone finds something
]


@pytest.mark.parametrize("chosen", CHOICES, ids=" ".join)
@pytest.mark.parametrize("cap", [2, 200])
@pytest.mark.parametrize("typed", ["draining", "nosuchword"])
def test_no_choice_of_filters_costs_more_than_so_many_statements(client, monkeypatch, chosen, cap, typed):
    monkeypatch.setattr("posts.search.search.CAP", cap)
    code = "Draining.\n\n```python\nprint(1)\n```"
    for number in range(3):
        make_post(
            released=True, title=f"Draining {number}", body=code, difficulty="beginner", language="en",
            stack=["Go"], tags=["queues"], tools=["pgx"],
        )  # fmt: skip
    make_post(released=True, title="Draining more", body="Draining.", difficulty="advanced", language="en")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/search/", {"q": typed, **chosen}).status_code == 200
    assert len(queries) <= 8


@pytest.mark.parametrize("expected", [0, 1_000, 10**6], ids=["few", "some", "most"])
@pytest.mark.parametrize("typed", ["draining", "draining more", "drainin"])
def test_the_dearest_search_asks_eight_statements_whatever_the_server_expects(client, monkeypatch, typed, expected):
    # A former address of a filter, kinds that exclude each other, and texts that the latest part doesn't hold.
    for number in range(3):
        make_post(released=True, title=f"Draining {number}", difficulty="beginner", language="en", stack=["Go"])
    make_post(released=True, title="Draining more", difficulty="advanced", language="de", stack=["Go"])
    FormerTermSlug.objects.create(term=Term.objects.get(key="go"), kind="stack", slug="golang")
    monkeypatch.setattr(
        postgresql, "_expected", lambda cursor, found: (0, [expected + at for at, _ in enumerate(found)])
    )
    filters = {"stack": "golang", "difficulty": "beginner", "language": "en", "code": "python"}
    for chosen in ({}, {"stack": "golang"}, {"difficulty": "advanced", "language": "de"}, filters):
        forget()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/search/", {"q": typed, **chosen}).status_code == 200
        # What the server expects is one more.
        assert len(queries) + (connection.vendor == "postgresql") <= 8, [query["sql"][:200] for query in queries]


def test_a_text_listed_by_the_version_before_is_shown_and_counted_like_any_other(client):
    for number in range(3):
        make_post(
            released=True, title=f"Draining {number}", body="It *drains* slowly.\n\n```\nflush()\n```", tags=["Q"]
        )
    addresses = ["/search/?q=draining", "/search/?q=slowly", "/search/?q=flush", "/search/?q=drain&difficulty=advanced"]
    pages = [client.get(address).content for address in addresses]
    # It stores no words and no terms; or words of a text that was listed under another number.
    PlainText.objects.order_by("pk").first().delete()
    PlainText.objects.filter(pk=PlainText.objects.order_by("-pk")[:1]).update(number=0, prose="Other words.")
    ListedText.objects.update(terms=None)
    assert [client.get(address).content for address in addresses] == pages
    assert b"<mark>drains</mark> slowly" in pages[0] and b"<mark>flush</mark>()" in pages[2]


def test_a_page_of_a_search_reads_no_record(client):
    released(3, title="Draining workers")
    page = client.get("/search/?q=draining").content
    Revision.objects.update(snapshot={"title": "Not read", "body": "Not read."})
    assert client.get("/search/?q=draining").content == page and len(found(client, "draining")) == 3


def test_options_beside_the_chosen_ones_are_counted_with_what_is_chosen_of_other_kinds(client):
    for number, (difficulty, language, stack) in enumerate(
        [("beginner", "en", "Go"), ("beginner", "de", "Go"), ("advanced", "en", "Go"), ("advanced", "en", "Rust")]
    ):
        make_post(released=True, title=f"Draining {number}", difficulty=difficulty, language=language, stack=[stack])

    def numbers(**chosen):
        html = client.get("/search/", {"q": "draining", **chosen}).content.decode()
        option = r'name="(\w+)" value="([\w-]+)"[^>]*>\s*<span [^<]*</span>\s*<span class="filters__count">(\d+)<'
        return {(kind, slug): int(count) for kind, slug, count in re.findall(option, html)}

    both = numbers(difficulty="beginner", language="en")
    assert both["difficulty", "beginner"] == 1 and both["difficulty", "advanced"] == 2
    assert both["language", "en"] == 1 and both["language", "de"] == 1
    with_stack = numbers(difficulty="beginner", language="en", stack="go")
    assert with_stack["difficulty", "advanced"] == 1 and with_stack["stack", "go"] == 1


def test_a_suggestion_is_given_up_when_its_time_is_over():
    make_post(released=True, title="Draining workers", body="Text.")
    query = read_query("drainin")
    assert other_spelling(query) == "draining"
    ticks = iter([0, 10, 31, 31])
    assert other_spelling(query, clock=lambda: next(ticks)) is None


def test_a_suggestion_looks_at_the_words_that_the_search_looks_at():
    make_post(released=True, title="Draining workers", body="Text about nothing else.")
    assert other_spelling(read_query(" ".join(["text"] * 9 + ["drainin"]))) == " ".join(["text"] * 9 + ["draining"])
    assert other_spelling(read_query(" ".join(["text"] * 10 + ["drainin"]))) is None


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite searches by its own index alone")
def test_the_server_reads_all_texts_for_no_word_that_it_does_not_find(client):
    make_post(released=True, title="Draining workers")
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/search/", {"q": "drainng wrker nosuchword"}).status_code == 200
    searches = [query["sql"] for query in asked if "@@" in query["sql"] and "EXPLAIN" not in query["sql"]]
    # One asks which words a text has, one which corrected query finds something.
    assert sum("EXISTS" in sql for sql in searches) == 2
    for way in ("jit", "enable_seqscan", "enable_indexscan"):
        assert all(f"SET LOCAL {way} = off; " in sql for sql in searches)
