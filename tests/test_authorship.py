"""Who wrote a text: the declaration of an import, and the same answer on every surface."""

import itertools
import json
import re

import feedparser
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils import timezone

from posts.db.change_log import LISTS, SITE_STATS, SWITCHES
from posts.importing.conflicts import take_incoming
from posts.importing.declare_origin import declare_origin
from posts.importing.generators import save_generator
from posts.importing.index_switch import follow_batch_switch
from posts.importing.pipeline import ResumeRefused, import_source
from posts.importing.repair import repair_row
from posts.importing.rollback import roll_back_batch
from posts.importing.sources import open_source
from posts.listing.rebuild import rebuild_lists
from posts.listing.site_stats import SiteStats, count_site_stats, site_stats, store_site_stats
from posts.models import AuditEntry, Generator, ImportBatch, ListedText, Origin, PageChange, Post, SiteFigure, Term
from posts.models.authorship import TYPED, WRITERS, Writing, writing_of
from posts.operations import (
    NotAllowed,
    create_post,
    decide,
    record_revision,
    restore_revision,
    roll_back,
)
from posts.operations.review import Decision
from posts.rendering.dates import day
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MACHINE_WORDS = re.compile(r"written by (a )?machine|machine[- ]written|trainedAlgorithmic|algorithmicMedia", re.I)
PEOPLE_WORDS = re.compile(r"written by (people|a person)|digitalCreation", re.I)


def edited(post, *, by=None, body="## Cause\n\nAnother one.", **options):
    record = {**post.working_record(), "body": body}
    return record_revision(post, record, by=by or person("Editors"), **options)


def made(origin, *, is_edited, state, declared="for the import"):
    """Return a post of this origin in this review state.

    declared: “for the import”, “by its generator” that the import belongs to, or “by the name” in the record alone.
    """
    record = RecordFactory(authors=["Jane Doe"], payload={"generator": "penwright 3"})
    if origin == TYPED:
        post = create_post(RecordFactory(authors=["Jane Doe"]), by=person("Editors") if is_edited else None)
    else:
        if declared == "for the import":
            import_records(record, origin=origin)
        else:
            generator = save_generator(Generator(name="penwright 3", kind=origin), by=person("Staff"))
            import_records(record, generator=generator if declared == "by its generator" else None)
        post = Post.objects.get(source_id=record["source_id"])
        if is_edited:
            edited(post)
    post = Post.objects.get(pk=post.pk)
    match state:
        case "approved":
            post = approve(post)
        case "in bulk":
            post = approve(post, is_bulk=True)
        case "rejected":
            head = post.head_revision
            decide(
                post,
                Decision(outcome="changes_requested", fingerprint=head.fingerprint, comment="Check again."),
                by=person(),
            )
    return Post.objects.get(pk=post.pk)


def shown(client, post):
    """Return {surface: what it says} of everything that anybody may read about a post."""
    address = post.get_absolute_url()
    pages = {
        "page": address,
        "JSON": f"/posts/{post.slug}.json",
        "API": f"/api/posts/{post.slug}/",
        "home": "/",
        "how": "/how-this-site-is-made/",
        "articles": "/articles/",
        "Atom": "/feed/",
        "JSON Feed": "/feed.json",
        "list of the API": "/api/posts/",
    }
    answers = {name: client.get(path) for name, path in pages.items()}
    return {name: answer.content.decode() for name, answer in answers.items() if answer.status_code == 200}


CASES = [
    (origin, is_edited, state)
    for origin, is_edited, state in itertools.product(
        WRITERS, (False, True), ("approved", "in bulk", "waiting", "rejected")
    )
    # What was typed here has no page before its release.
    if origin != TYPED or state in ("approved", "in bulk")
]


@pytest.mark.once
@pytest.mark.parametrize(("origin", "is_edited", "state"), CASES)
def test_no_surface_contradicts_what_was_declared(client, origin, is_edited, state):
    post = made(origin, is_edited=is_edited, state=state)
    no_surface_contradicts(client, post, Writing(origin, is_edited), state)


@pytest.mark.once
@pytest.mark.parametrize("declared", ["by its generator", "by the name"])
@pytest.mark.parametrize(
    ("origin", "is_edited", "state"),
    [(origin, is_edited, state) for origin, is_edited, state in CASES if origin != TYPED and state != "in bulk"],
)
def test_no_surface_contradicts_what_a_generator_is(client, origin, is_edited, state, declared):
    post = made(origin, is_edited=is_edited, state=state, declared=declared)
    # Anybody can write a name into a record: it can say that a machine wrote it, never that people did.
    is_mere_name = declared == "by the name" and origin == Origin.PEOPLE
    said = Origin.NOT_STATED if is_mere_name else origin
    no_surface_contradicts(client, post, Writing(said, is_edited), state)


def no_surface_contradicts(client, post, writing, state):
    """Fail if a surface says something else than `writing` about a post in a state."""
    origin, is_edited = writing
    surfaces = shown(client, post)
    html, record, item = surfaces["page"], json.loads(surfaces["JSON"]), json.loads(surfaces["API"])
    assert writing.sentence in html.replace("&#39;", "'")
    assert record["review"] == item["review"]
    assert record["review"]["disclosure"].startswith(writing.sentence)
    assert record["review"]["digital_source_type"] == (writing.source_type or None)
    assert (record["review"]["origin"], record["review"]["edited_by_people"]) == (origin, is_edited)
    article = json.loads(html.partition('<script type="application/ld+json">')[2].partition("</script>")[0])["@graph"][
        1
    ]
    assert article["creditText"].startswith(writing.sentence)
    assert article.get("digitalSourceType", "") == writing.source_type
    names = [author["name"] for author in article["author"] if author["@type"] == "Person"]
    assert names == ([] if writing.is_by_machine else ["Jane Doe"])
    for name, text in surfaces.items():
        # What a record says of itself is repeated as its own word.
        assert writing.is_by_machine or not MACHINE_WORDS.search(text), name
        assert writing.is_by_people or not PEOPLE_WORDS.search(text), name
    if state == "approved":
        (entry,) = feedparser.parse(surfaces["Atom"]).entries
        assert writing.sentence in entry.summary.replace("&#39;", "'")
        assert [author.name for author in entry.authors] == (names or ["AlphaNode"])
        (found,) = json.loads(surfaces["JSON Feed"])["items"]
        assert found["_review"]["disclosure"].startswith(writing.sentence)
        assert found["_review"]["digital_source_type"] == (writing.source_type or None)
        assert [author["name"] for author in found.get("authors", ())] == names
        (listed,) = json.loads(surfaces["list of the API"])["posts"]
        assert listed["review"] == item["review"]
        for name in ("articles", "home"):
            assert ("Jane Doe" in surfaces[name]) is bool(names), name


def test_nothing_is_stated_where_nobody_declared_anything(client):
    post = make_post(released=True, payload={"generator": "penwright 3"}, origin=None)
    page = client.get(post.get_absolute_url()).content.decode()
    assert "Imported; who wrote it is not stated." in page and "digitalSourceType" not in page
    assert client.get(f"/posts/{post.slug}.json").json()["review"]["digital_source_type"] is None


def test_a_key_of_a_record_declares_nothing(client):
    post = make_post(released=True, origin="people", payload={"generator": "gpt"}, digitalSourceType="x", origin_="y")
    assert client.get(f"/posts/{post.slug}.json").json()["review"]["origin"] == "people"


def test_a_restored_text_is_what_it_was(client):
    post = make_post(released=True, origin="trained_model")
    first = post.live_revision
    edited(post)
    post = approve(post)
    assert writing_of(post, post.live_revision) == Writing("trained_model", True)
    restored = restore_revision(first, by=person())
    assert writing_of(post, restored) == Writing("trained_model", False)
    assert writing_of(post, first) == Writing("trained_model", False)
    post = approve(post)
    assert "and edited by people" not in client.get(post.get_absolute_url()).content.decode()


def test_a_text_that_was_edited_back_to_the_import_is_not_edited():
    post = make_post(origin="trained_model")
    body = post.body
    edited(post)
    back = edited(Post.objects.get(pk=post.pk), body=body)
    assert writing_of(post, back) == Writing("trained_model", False)


def test_each_text_counts_to_the_import_that_brought_it():
    record = RecordFactory()
    import_records(record, origin="trained_model")
    import_records({**record, "body": "By hand."}, origin="people")
    post = Post.objects.get(source_id=record["source_id"])
    found = {revision.number: writing_of(post, revision).origin for revision in post.revisions.all()}
    assert found == {1: "trained_model", 2: "people"}
    edited(post)
    post = Post.objects.get(pk=post.pk)
    assert writing_of(post, post.head_revision) == Writing("people", True)


def test_the_text_of_a_conflict_that_was_taken_as_it_came_is_the_imports_own():
    record = RecordFactory()
    import_records(record, origin="trained_model")
    post = Post.objects.get(source_id=record["source_id"])
    edited(post)
    batch = import_records({**record, "body": "The source's own."}, origin="people")
    take_incoming(batch.issues.get(kind="conflict"), by=person("Editors"))
    post = Post.objects.get(pk=post.pk)
    assert writing_of(post, post.head_revision) == Writing("people", False)


def test_a_row_that_a_person_repaired_is_edited():
    record = RecordFactory(title="")
    batch = import_records(record, origin="trained_model")
    repair_row(batch.issues.get(), json.dumps({**record, "title": "A title"}), by=person("Staff"))
    post = Post.objects.get(source_id=record["source_id"])
    assert writing_of(post, post.head_revision) == Writing("trained_model", True)


def test_rolling_an_import_back_edits_nothing():
    record = RecordFactory()
    import_records(record, origin="people")
    batch = import_records({**record, "body": "By machine."}, origin="trained_model")
    roll_back_batch(batch, by=person("Staff"))
    post = Post.objects.get(source_id=record["source_id"])
    assert post.head_revision.number == 3
    assert writing_of(post, post.head_revision) == Writing("people", False)


def test_readers_who_were_led_back_see_who_wrote_the_text_before(client):
    post = make_post(released=True, origin="fixed_algorithm")
    edited(post)
    post = approve(post)
    roll_back(post, by=person(), why="A slip.")
    assert Writing("fixed_algorithm", False).sentence + " " in client.get(post.get_absolute_url()).content.decode()


def test_a_declaration_changes_every_surface_at_once_and_no_approval(client):
    post = made("not_stated", is_edited=False, state="approved")
    batch, approval = post.first_batch, post.live_approval_id
    store_site_stats()
    before = shown(client, post)
    byline = "<span>By <bdi>Jane Doe</bdi></span>"
    assert byline in before["articles"]
    declare_origin(batch, "trained_model", by=person("Staff"))
    after = shown(client, post)
    sentence = Writing("trained_model", False).sentence
    for name in ("page", "JSON", "API", "Atom", "JSON Feed", "list of the API"):
        assert sentence in after[name] and "not stated" not in after[name], name
    assert byline not in after["articles"] and "written by machines and reviewed by" in after["home"]
    assert "A trained model" in after["how"] and "Not stated" not in after["how"].partition("Generators")[0]
    assert Post.objects.get(pk=post.pk).live_approval_id == approval
    (entry,) = AuditEntry.objects.filter(action="origin of an import declared")
    assert "not stated → a trained model" in entry.detail
    assert Term.objects.get(kind="author").listed_count == 1
    follow_batch_switch(batch)
    assert Term.objects.get(kind="author").listed_count == 0
    declare_origin(batch, "people", by=person("Staff"))
    follow_batch_switch(batch)
    assert client.get("/authors/jane-doe/").status_code == 200


def test_a_count_that_began_before_a_declaration_does_not_replace_the_one_that_knows_it(client, monkeypatch):
    batch, declared = make_post(released=True).first_batch, []

    def slow_count():
        counted = count_site_stats()
        if not declared:
            declared.append(batch)
            declare_origin(batch, "trained_model", by=person("Staff"))
        return counted

    monkeypatch.setattr("posts.listing.site_stats.count_site_stats", slow_count)
    store_site_stats()
    assert declared and "written by machines and reviewed by" in client.get("/").content.decode()


def test_every_cached_page_is_shown_anew_after_a_declaration_and_none_after_the_same_again():
    batch = make_post(released=True).first_batch
    PageChange.objects.all().delete()
    declare_origin(batch, "people", by=person("Staff"))
    noted = {key for change in PageChange.objects.all() for key in change.keys.split()}
    assert noted == {LISTS, SITE_STATS, SWITCHES}
    lines = PageChange.objects.count()
    declare_origin(batch, "people", by=person("Staff"))
    assert PageChange.objects.count() == lines
    assert AuditEntry.objects.filter(detail__contains="→").count() == 1


def test_a_command_declares_too_and_brings_the_lists_of_authors_in_step():
    batch = make_post(released=True, authors=["Jane Doe"]).first_batch
    call_command("declare_origin", str(batch.pk), "trained model")
    assert ImportBatch.objects.get(pk=batch.pk).origin == "trained_model"
    assert Term.objects.get(kind="author").listed_count == 0
    with pytest.raises(CommandError, match="No import"):
        call_command("declare_origin", "0", "people")


def test_who_uploads_a_file_says_who_wrote_it(client, tmp_path, settings):
    settings.IMPORT_UPLOADS = str(tmp_path)
    client.force_login(person("Staff"))
    for typed, origin in [("people", "people"), ("", "not_stated")]:
        file = SimpleUploadedFile("posts.jsonl", json.dumps(RecordFactory()).encode())
        client.post(reverse("admin:posts_importbatch_new"), {"upload": file, "origin": typed})
        assert ImportBatch.objects.latest("pk").origin == origin
    file = SimpleUploadedFile("posts.jsonl", json.dumps(RecordFactory()).encode())
    answer = client.post(reverse("admin:posts_importbatch_new"), {"upload": file, "origin": "robots"})
    assert answer.status_code == 422 and ImportBatch.objects.count() == 2


def test_only_who_may_import_declares_who_wrote(client):
    batch = make_post().first_batch
    with pytest.raises(NotAllowed):
        declare_origin(batch, "people", by=person("Reviewers"))
    client.force_login(person("Reviewers"))
    address = reverse("admin:posts_importbatch_act", args=[batch.pk, "declare-origin"])
    assert client.post(address, {"origin": "people"}).status_code == 403
    assert ImportBatch.objects.get(pk=batch.pk).origin == "not_stated"


def test_staff_declare_on_the_page_of_the_import_which_shows_what_records_name(client):
    batch = make_post(payload={"generator": "<b>penwright 3</b>"}).first_batch
    client.force_login(person("Staff"))
    page = reverse("admin:posts_importbatch_change", args=[batch.pk])
    html = client.get(page).content.decode()
    assert "Records name these generators" in html and "&lt;b&gt;penwright 3&lt;/b&gt;" in html
    address = reverse("admin:posts_importbatch_act", args=[batch.pk, "declare-origin"])
    client.post(address, {"origin": "nonsense"})
    assert ImportBatch.objects.get(pk=batch.pk).origin == "not_stated"
    assert "a fixed algorithm" in client.post(address, {"origin": "fixed_algorithm"}, follow=True).content.decode()
    assert ImportBatch.objects.get(pk=batch.pk).origin == "fixed_algorithm"


@pytest.mark.parametrize(
    ("word", "origin"),
    [
        ("trained-model", "trained_model"),
        ("Trained Model", "trained_model"),
        ("fixed_algorithm", "fixed_algorithm"),
        ("PEOPLE", "people"),
        ("not-stated", "not_stated"),
        ("unknown", "not_stated"),
    ],
)
def test_the_command_takes_the_origin_as_people_write_it(tmp_path, capsys, word, origin):
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps(RecordFactory(payload={"generator": "penwright 3"})), encoding="utf-8")
    call_command("import_posts", str(file), written_by=None, dry_run=True)
    assert "Records name these generators: penwright 3 (1)." in capsys.readouterr().out
    call_command("import_posts", str(file), f"--written-by={word}")
    assert ImportBatch.objects.get().origin == origin


def test_a_word_that_is_no_origin_is_refused(tmp_path):
    with pytest.raises(CommandError, match="trained-model, fixed-algorithm, people, not-stated"):
        call_command("import_posts", str(tmp_path / "x"), "--written-by=robots")


def test_an_import_that_goes_on_keeps_its_origin(tmp_path):
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps(RecordFactory()), encoding="utf-8")
    with open_source(str(file)) as source:
        ImportBatch.objects.create(
            source_name="posts.jsonl", source_path=source.path, state="stopped", origin="people", attempts=1
        )
        with pytest.raises(ResumeRefused, match="--written-by people"):
            import_source(source, origin=Origin.TRAINED_MODEL)
    with open_source(str(file)) as source:
        assert import_source(source).origin == "people"


def test_unchanged_posts_keep_the_origin_of_the_import_that_brought_them():
    record = RecordFactory()
    import_records(record, origin="people")
    assert import_records(record, origin="trained_model").unchanged == 1
    post = Post.objects.get(source_id=record["source_id"])
    assert writing_of(post, post.head_revision).origin == "people"


def test_the_synthesizer_is_a_fixed_algorithm():
    call_command("synthesize", "--count=1", "--import")
    assert ImportBatch.objects.get().origin == "fixed_algorithm"


def test_the_numbers_of_the_site_tell_who_wrote_the_posts():
    for origin in Origin.values:
        make_post(origin=origin)
        make_post(origin=origin, released=True)
    approve(create_post(RecordFactory(), by=person("Editors")))
    create_post(RecordFactory(), by=person("Editors"))
    figures = site_stats()
    assert figures.origins == [*([origin, 1, 1] for origin in Origin.values), [TYPED, 1, 0]]
    # As a version of the site leaves it that keeps no import with a listed text.
    ListedText.objects.update(source_batch=None)
    assert [row for row in count_site_stats().origins if row[1]] == [["not_stated", 4, 1], [TYPED, 1, 0]]
    rebuild_lists()
    assert count_site_stats().origins == figures.origins


def test_the_home_page_claims_machines_only_where_all_articles_are_theirs(client):
    def claim():
        store_site_stats()
        return re.search(r'home-title">\s*Technical articles, (.*?) <span', client.get("/").content.decode())[1]

    assert claim() == "reviewed by"
    make_post(released=True, origin="fixed_algorithm")
    assert claim() == "written by machines and reviewed by"
    make_post(released=True, origin="people")
    assert claim() == "reviewed by"
    assert SiteStats(counted_at=None).listed_origins == set()


def listed_titles(client, address):
    return re.findall(r'<h2><a href="/posts/([^/]+)/"', client.get(address).content.decode())


def test_an_article_says_when_it_was_first_published_and_when_it_was_approved_here(client):
    post = make_post(released=True, origin="people", authors=["Jane Doe", "Álvaro <b>"], published_on="2019-04-02")
    html = client.get(post.get_absolute_url()).content.decode()
    today = day(post.live_approval.created_at)
    assert f'<time datetime="2019-04-02">2 April 2019</time>, approved here on {today}' in html
    assert '<a href="/authors/jane-doe/" rel="author"><bdi>Jane Doe</bdi></a> and ' in html
    assert "<bdi>Álvaro &lt;b&gt;</bdi>" in html and "according to its source" not in html
    assert 'property="article:published_time" content="2019-04-02T00:00:00' in html
    assert '"datePublished":"2019-04-02"' in html
    (entry,) = feedparser.parse(client.get("/feed/").content).entries
    assert entry.published.startswith("2019-04-02T00:00:00")
    (item,) = client.get("/feed.json").json()["items"]
    assert item["date_published"].startswith("2019-04-02T00:00:00")
    for address in ("/", "/articles/", "/authors/jane-doe/", "/search/?q=draining"):
        line = client.get(address).content.decode()
        assert "<bdi>Jane Doe</bdi> and <bdi>Álvaro &lt;b&gt;</bdi>" in line, address
        assert 'First published <time datetime="2019-04-02">' in line, address


@pytest.mark.parametrize("published_on", ["", "2999-01-01", "9999-12-31"])
def test_a_day_that_is_none_or_still_to_come_is_no_first_publication(client, published_on):
    post = make_post(released=True, published_on=published_on)
    html = client.get(post.get_absolute_url()).content.decode()
    assert "First published" not in html
    assert f'"datePublished":"{post.first_published_at.isoformat(timespec="seconds")}"' in html


def test_where_nobody_stated_who_wrote_it_the_by_line_is_the_sources_word(client):
    post = make_post(released=True, authors=["Jane Doe"])
    assert "Jane Doe</bdi></a>, according to its source" in client.get(post.get_absolute_url()).content.decode()


def test_an_author_has_a_list_like_a_tag_has(client):
    post = make_post(released=True, origin="people", authors=["Jane Doe", "jane  doe", "No Name"])
    make_post(released=True, origin="trained_model", authors=["Jane Doe"])
    assert listed_titles(client, "/authors/jane-doe/") == [post.slug]
    index = client.get("/authors/").content.decode()
    assert "Jane Doe" in index and "No Name" in index and "<h1>Authors</h1>" in index
    assert 'name="author" value="jane-doe"' in client.get("/articles/").content.decode()
    assert listed_titles(client, "/articles/?author=jane-doe") == [post.slug]
    assert client.get("/api/posts/?author=jane-doe").json()["posts"][0]["url"].endswith(post.get_absolute_url())
    (entry,) = feedparser.parse(client.get("/authors/jane-doe/feed/").content).entries
    assert entry.title == post.title
    assert b"/authors/" in client.get("/sitemaps/pages.xml").content


def test_a_site_from_before_gets_by_lines_and_lists_of_authors_in_the_background():
    post = make_post(released=True, origin="people", authors=["Jane Doe"], published_on="2019-04-02")
    ListedText.objects.update(source_batch=None, line={"title": post.title})
    Term.objects.filter(kind="author").delete()
    SiteFigure.objects.update_or_create(name="lists", defaults={"value": {"version": 3}, "counted_at": timezone.now()})
    rebuild_lists(from_start=False)
    (text,) = ListedText.objects.all()
    assert (text.source_batch_id, text.line["authors"]) == (post.first_batch_id, ["Jane Doe"])
    assert Term.objects.get(kind="author").listed_count == 1
    assert rebuild_lists(from_start=False) == 0


def pages_of(client, address):
    """Return the slugs on all pages of a list, in order, and those of the way back."""
    found, back = [], []
    while address:
        html = client.get(address).content.decode()
        found += re.findall(r'<h2><a href="/posts/([^/]+)/"', html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        last, address = address, older and older[1].replace("&amp;", "&")
    while last:
        html = client.get(last).content.decode()
        back = re.findall(r'<h2><a href="/posts/([^/]+)/"', html) + back
        newer = re.search(r'rel="prev" href="([^"]+)"', html)
        last = newer and newer[1].replace("&amp;", "&")
    return found, list(dict.fromkeys(back))


def test_lists_follow_the_day_of_first_publication_where_the_site_wants_it(client, settings, monkeypatch):
    monkeypatch.setattr("posts.public.lists.PAGE", 2)
    monkeypatch.setattr("posts.public.lists.REACHES", (3, 20, 200))
    days = ["2021-05-01", "", "0001-01-01", "2023-01-01", "2021-05-01", "2020-01-01", "1969-12-31"]
    posts = [make_post(released=True, published_on=day, stack=["Go services"]) for day in days]
    newest = [post.slug for post in reversed(posts)]
    by_day = [posts[at].slug for at in (1, 3, 4, 0, 5, 6, 2)]
    for order, wanted in [("released", newest), ("published", by_day), ("released", newest)]:
        settings.LIST_ORDER = order
        assert rebuild_lists(from_start=False) == len(posts)
        for address in ("/articles/", "/stacks/go-services/"):
            found, back = pages_of(client, address)
            assert found == wanted, (order, address)
            assert back == wanted, (order, address)
        for address in ("/feed.json", "/stacks/go-services/feed.json"):
            items = client.get(address).json()["items"]
            assert [item["url"].rstrip("/").rpartition("/")[2] for item in items] == wanted
        asked, answer = [], client.get("/api/posts/?limit=2").json()
        while True:
            asked += [item["record"]["slug"] for item in answer["posts"]]
            if not answer["next"]:
                break
            answer = client.get(answer["next"]).json()
        assert asked == wanted
        locations = client.get("/sitemap.xml").content.decode()
        assert "/sitemaps/articles-" in locations


def test_what_stands_before_and_after_on_a_stack_follows_the_order_of_the_list(client, settings):
    settings.LIST_ORDER = "published"
    days = ["2021-05-01", "2019-05-01", "2020-05-01"]
    first, second, third = (make_post(released=True, published_on=day, stack=["Go services"]) for day in days)
    html = client.get(third.get_absolute_url()).content.decode()
    beside = re.findall(r'<a href="/posts/([^/]+)/" rel="(prev|next)"', html)
    assert beside == [(second.slug, "prev"), (first.slug, "next")]
