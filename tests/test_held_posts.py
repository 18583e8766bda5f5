"""Held posts: how sources say that a text is not public, and that nobody sees it before its release."""

import io
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from posts.importing import publication
from posts.importing.dates import read_date
from posts.importing.front_matter import split_front_matter
from posts.importing.front_matter_yaml import FrontMatterRefused
from posts.importing.mapping import Mapping, MappingRefused
from posts.importing.pipeline import import_posts
from posts.importing.repair import repair_row
from posts.models import HoldReason, Post, PostHold
from posts.operations import record_revision
from tests.factories import make_post, person
from tests.markdown_sources import folder_of, import_markdown, outcomes
from tests.test_wxr_reader import HEAD as WXR_HEAD
from tests.test_wxr_reader import bring_in, item

# What a reader makes of a file is decided before a database has it.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
LATER = "2998-03-04"


def reasons(post):
    return [hold.reason for hold in post.holds.order_by("pk")]


def read_text(tmp_path, text, *, path="a-text.md", mapping=None):
    """Import one file; return its post."""
    batch = import_markdown(folder_of(tmp_path / "blog", {path: text}), mapping=mapping)
    assert outcomes(batch) == {"created": 1}, list(batch.issues.values_list("problems", flat=True))
    return Post.objects.get()


def read_head(tmp_path, head, **options):
    return read_text(tmp_path, f"---\ntitle: A text\n{head}\n---\nText.\n", **options)


def records(*lines):
    return import_posts(io.BytesIO(b"\n".join(json.dumps(line).encode() for line in lines)), name="posts.jsonl")


# Keys and values


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("draft: true", "draft"),
        ("Draft: 'Yes'", "draft"),
        ("draft: 1", "draft"),
        ("is_draft: on", "draft"),
        ("published: false", "unpublished"),
        ("published: 'no'", "unpublished"),
        ("publish: false", "unpublished"),
        ("publish:", "unknown"),
        ("publish: draft", "draft"),
        ("dg-publish: false", "unpublished"),
        ("public: 0", "unpublished"),
        ("archived: true", "unpublished"),
        ("status: Draft", "draft"),
        ("status: in_review", "draft"),
        ("status: hidden", "hidden"),
        ("status: skip", "unpublished"),
        ("status: scheduled", "scheduled"),
        ("visibility: members", "members"),
        ("visibility: paid", "members"),
        ("visibility: tiers", "members"),
        ("visibility: private", "private"),
        ("layout: draft", "draft"),
        ("audience: only_paid", "members"),
        ("private: true", "private"),
        ("secret: yes", "private"),
        ("members_only: true", "members"),
        ("premium: true", "members"),
        ("password: words", "password"),
        ("encrypted: true", "password"),
        ("hidden: true", "hidden"),
        ("hide: true", "hidden"),
        ("unlisted: true", "hidden"),
        ("listed: no", "hidden"),
        ("eleventyExcludeFromCollections: true", "hidden"),
        ("build: {list: never}", "hidden"),
        ("_build: {render: never}", "not_rendered"),
        ("build:\n  render: link", "not_rendered"),
        ("_build: {render: false}", "not_rendered"),
        ("render: false", "not_rendered"),
        ("headless: true", "not_rendered"),
        ("permalink: false", "not_rendered"),
        (f"date: {LATER}", "scheduled"),
        (f"date: 2020-01-01\npublishDate: {LATER}", "scheduled"),
        (f"date: {{created: {LATER}, updated: {LATER}}}", "scheduled"),
        ("date: {seen: 2020-01-01}", "unknown"),
        (f"publishOn: {LATER}", "scheduled"),
        (f"publish: {LATER}", "scheduled"),
        (f"published: {LATER}T10:00:00Z", "scheduled"),
        (f"scheduled: {LATER}", "scheduled"),
        ("scheduled: true", "scheduled"),
        (f"publish_at: 03/04/{LATER[:4]}", "scheduled"),
        ("expiryDate: 2020-01-01", "expired"),
        ("unpublishdate: 2020-01-01T00:00:00+09:00", "expired"),
        ("expires: 1577836800", "expired"),
        ("expired: true", "expired"),
        ("expiryDate: next week", "unknown"),
        ("params: {draft: true}", "draft"),
        ("extra:\n  hidden: true", "hidden"),
        ("draft: maybe", "unknown"),
        ("status: in-progress", "unknown"),
        ("published: soon", "unknown"),
        ("draft: [true]", "draft"),
        ("draft: {until: done}", "unknown"),
        ('draft: "{{ env }}"', "unknown"),
        ("saveAsDraft: true", "draft"),
        ("ignorePost: true", "unpublished"),
        ("ignored: true", "unpublished"),
        ("no_publish: true", "unpublished"),
        ("publishable: false", "unpublished"),
        ("active: false", "unpublished"),
        ("approved: false", "unpublished"),
        ("publishedAt: null", "unpublished"),
        ("published_at:", "unpublished"),
        ("embargoed: yes", "scheduled"),
        ("unfinished: true", "draft"),
        ("is_live: no", "unpublished"),
        ("publication_state: draft", "draft"),
        ("restricted: true", "private"),
        ("access: {site.login: true}", "members"),
        ("privacy: {view: anyone_with_link}", "unknown"),
        ("passwd: words", "password"),
        ("hideInList: true", "hidden"),
        ("hide: all", "hidden"),
        ("routable: false", "not_rendered"),
        ("permalink: {build: false}", "not_rendered"),
        (f"date: [{LATER}]", "scheduled"),
        ("date: [2020-01-01, 2020-02-02]", "unknown"),
        ("permalink: 'false'", "not_rendered"),
        ("page: {published: false}", "unpublished"),
        ("blog:\n  draft: true", "draft"),
        ("\u200bdraft: true", "draft"),
        ("\u00a0draft: true", "draft"),
        ("Published?: No", "unpublished"),
        ("defaults: &all\n  draft: true\n<<: *all", "draft"),
        ("<<: [{draft: true}, {draft: false}]", "draft"),
    ],
)
def test_a_key_that_says_that_nobody_is_to_see_a_text_holds_it(tmp_path, client, head, reason):
    post = read_head(tmp_path, head)
    assert post.held and reasons(post) == [reason]
    assert client.get(post.get_absolute_url()).status_code == 404
    label = HoldReason(reason).label
    assert post.first_batch.breakdown["held"] == {label: 1}


@pytest.mark.parametrize(
    "head",
    [
        "draft: false", "draft:", 'draft: "no"', "draft: 0", "published: true", "published: 2020-01-01", "publish: yes",
        "dg-publish: true", "status: published", "status: Publish", "status: new", "status: evergreen",
        "visibility: public", "hide: [navigation, toc]", "hide: toc", "hidden: false", "private: no", "expiryDate:",
        f"expiryDate: {LATER}", "expires: never", "scheduled: false", "publishOn: 2020-01-01", "password:",
        "password: false", "build: {render: always, list: local}", "render: true", "layout: post", "type: review",
        "layout: archive", "state: Bavaria", "access: read only", "audience: developers", "noindex: true",
        "sitemap: false", "date: {created: 2020-02-18}", "params: {toc: true}", "extra: {draft: false}",
        "params: {hide: [toc]}",
        "unlisted: false", "listed: true", "exclude: [a, b]", "output: html_document", "privacy: {view: public}",
        "eleventyExcludeFromCollections: [feed]", "active: true", "live:", "live: at the fair", "ignored: [a, b]",
        "sidebar: {hidden: true}", "search: {exclude: true}", "layout: {title: {visible: false}}",
        "access: {site.login: false}",
        "page: {draft: false}", "<<: {draft: true}\ndraft: false", "hide: never", "permalink: {build: /there/}",
    ],
)  # fmt: skip
def test_a_head_that_says_nothing_of_the_kind_leaves_the_text_to_be_seen(tmp_path, client, head):
    post = read_head(tmp_path, head)
    assert not post.held and reasons(post) == []
    assert client.get(post.get_absolute_url()).status_code == 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('+++\ntitle = "T"\ndraft = true\n+++\nText.', "draft"),
        ('+++\ntitle = "T"\n[build]\nrender = "never"\n+++\nText.', "not_rendered"),
        ("+++\ntitle = 'T'\nexpiryDate = 2020-01-01T00:00:00Z\n+++\nText.", "expired"),
        ("+++\ntitle = 'T'\n[extra]\ndraft = true\n+++\nText.", "draft"),
        ('{\n"title": "T",\n"draft": true\n}\nText.', "draft"),
        ('---json\n{"title": "T", "published": false}\n---\nText.', "unpublished"),
        ('---toml\ntitle = "T"\ndraft = true\n---\nText.', "draft"),
        (';;;\n"title": "T", "published": false\n;;;\nText.', "unpublished"),
    ],
)
def test_the_table_counts_in_every_language_of_heads(tmp_path, text, reason):
    post = read_text(tmp_path, text)
    assert (post.title, reasons(post)) == ("T", [reason])


@pytest.mark.parametrize(
    "path",
    ["_drafts/a.md", "drafts/2020/a.md", "blog/private/a.md", "_part.md", "WIP/a.md", "2.mills.draft.md",
     "draft_Mills-5d0a.md", "[draft] Mills.md"],
)  # fmt: skip
def test_a_place_that_generators_do_not_publish_holds_a_text(tmp_path, path):
    assert read_text(tmp_path, "Text.", path=path).held


def test_what_a_date_says_is_compared_with_its_time_zone(tmp_path):
    in_an_hour = timezone.now() + timedelta(hours=1)
    eastwards = in_an_hour.astimezone(timezone.get_fixed_timezone(-600))
    assert eastwards.strftime("%H:%M") != in_an_hour.strftime("%H:%M")
    assert read_head(tmp_path, f"date: {eastwards:%Y-%m-%d %H:%M:%S} -1000").held
    assert read_date("2020-01-01 10:00 EST")[1] == read_date("2020-01-01T15:00:00Z")[1]
    assert read_date("2020-01-01 10:00:00 -5")[1] == read_date("2020-01-01T15:00:00Z")[1]


def test_the_day_of_an_object_is_the_day_of_the_post(tmp_path):
    assert read_head(tmp_path, "date:\n  created: 2020-02-18").published_on.isoformat() == "2020-02-18"


def test_values_that_are_not_known_are_counted_by_key_and_value(tmp_path):
    files = {f"{number}.md": f"---\nstatus: brewing\nvisibility: {word}\n---\nText." for number, word in
             enumerate(["friends", "friends", "public"])}  # fmt: skip
    batch = import_markdown(folder_of(tmp_path / "blog", files), dry_run=True)
    assert batch.breakdown["unknown_values"] == {"status: brewing": 3, "visibility: friends": 2}
    assert batch.breakdown["held"] == {"Unknown value": 3}


def test_a_mapping_says_what_a_value_means_and_what_a_missing_key_does(tmp_path):
    mapping = """values:
      status: {in-progress: private, shipped: public, draft: public}
      dg-publish: {missing: unpublished}"""
    files = {
        "a.md": "---\nstatus: In progress\ndg-publish: true\n---\nText.",
        "b.md": "---\nstatus: shipped\ndg-publish: true\n---\nText.",
        "c.md": "---\nstatus: draft\ndg-publish: true\n---\nText.",
        "d.md": "---\nstatus: shipped\n---\nText.",
    }
    batch = import_markdown(folder_of(tmp_path / "blog", files), mapping=mapping)
    held = {post.slug: reasons(post) for post in Post.objects.all()}
    assert held == {"a": ["private"], "b": [], "c": [], "d": ["unpublished"]}
    assert batch.breakdown["unknown_values"] == {}


@pytest.mark.parametrize("text", ["values: [draft]", "values: {status: draft}", "values: {status: {x: sometimes}}",
                                  "values: {status: {x: unknown}}"])  # fmt: skip
def test_a_mapping_that_gives_a_value_no_meaning_is_refused(text):
    with pytest.raises(MappingRefused, match=r"values|can't mean"):
        Mapping.read(text)


def test_the_documentation_shows_the_table_that_the_code_reads():
    text = (settings.BASE_DIR / "docs" / "importing.md").read_text()
    assert "\n".join(publication.table_lines()) in text


# Heads


@pytest.mark.parametrize(
    "text",
    [
        "\n---\ntitle: T\ndraft: true\n---\nText.",
        "\ufeff\n \t\n---\ntitle: T\ndraft: true\n---\nText.",
        "  ---\ntitle: T\ndraft: true\n---\nText.",
        '\n\n+++\ntitle = "T"\ndraft = true\n+++\nText.',
        '\n{"title": "T", "draft": true}\nText.',
        "<!-- a comment\n over lines -->\n---\ntitle: T\ndraft: true\n---\nText.",
        "<!--\n---\ntitle: T\ndraft: true\n---\n-->\nText.",
        "<!--\n.. title: T\n.. status: draft\n-->\n\nText.",
        "---  \ntitle: T\ndraft: true\n---\t\nText.",
        "---\ntitle: T\ndraft: true\n...\nText.",
        "----\ntitle: T\ndraft: true\n----\nText.",
        "title: T\ndraft: true\n---\nText.",
        "title: T\ntags:\n- a\n- b\ndraft: true\n---\nText.",
        "title: T\ntags: [a]\ncategories:\n  - [b, c]\ndraft: true\n\n---\n\nText.",
        "title: T\ndraft: true\nis_page: false\nclass_name: \n___\nText.",
        "Title: T\nStatus: draft\n\nText.",
        "Title: T\nDate: 2020-05-01\nStatus: draft\nTags: a, b\n\nText.",
    ],
)
def test_a_head_is_read_where_and_as_generators_allow_it(tmp_path, text):
    post = read_text(tmp_path, text)
    assert (post.title, post.held) == ("T", True) and "draft" not in post.body and post.body.endswith("Text.")


def test_a_head_of_pelican_gives_all_its_fields(tmp_path):
    text = (
        "Title: Not ready\nDate: 2020-05-01 10:20\nAuthors: Ada Byron, Bo\nTags: a, b\nSummary: One\n    two\n\nText."
    )
    post = read_text(tmp_path, text)
    assert (post.title, str(post.published_on), post.authors, post.tags, post.summary, post.body, post.held) == (
        "Not ready", "2020-05-01", ["Ada Byron", "Bo"], ["a", "b"], "One two", "Text.", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\ntitle: Plan\ndraft: true\n\nText.", 1),
        ("\n\n---\ndraft: true\n", 3),
        ('+++\ntitle = "Plan"\n\nText.', 1),
        ("+++\nText.", 1),
        ("---js\nmodule.exports = {draft: true}\n---\nText.", 1),
        ('{\n"title": "Plan",\n"draft": true,,\n}\nText.', 3),
        ('\n{"title": "Plan", "draft": true\nText.', 3),
        ("---\ntitle: x\ndraft: [\n---\nText.", 4),
        ("\n\n---\ntitle: x\ndraft: [\n---\nText.", 6),
    ],
)
def test_a_head_that_has_no_end_or_can_not_be_read_is_refused_with_its_line(text, line):
    with pytest.raises(FrontMatterRefused, match=rf"\bline {line}\b"):
        split_front_matter(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\nDraft = true\n---\nText.", 2),
        ("Some words\ntitle: x\ndraft: true\n\nText.", 3),
        ("```yaml\ntitle: x\ndraft: true\n```\nText.", 3),
        ("export const metadata = {\n  title: 'x',\n  draft: true,\n}\n\nText.", 3),
        ("import A from './a'\n\nexport const draft = true\n\nText.", 3),
        ("---\ntitle: Outer\n---\n---\ndraft: true\n---\nText.", 5),
        ("#+TITLE: x\n#+DRAFT: true\n\nText.", 2),
        ("// draft: true\nText.", 1),
        ("status = draft\n\nText.", 1),
        ("title: x\ntags:\n- [a\ndraft: true\n---\nText.", 4),
        ("# A page\n\nStatus: Draft\nOwner: Ada\n\nText.", 3),
        ("# A page\n\n**Status:** Draft\n\nText.", 3),
        ("# A page\n\nPublished: No\n\nText.", 3),
        ("# A page\n\n---\ndraft: true\n---\n\nText.", 4),
        ("title:: A page\npublic:: false\n\n- Text.", 2),
        ("---\ntitle：A page\ndraft：true\n---\nText.", 3),
        ("---\ndraft:true\n---\nText.", 2),
        ("[//]: # (made by hand)\n\n---\ntitle: x\ndraft: true\n---\nText.", 5),
        ("{% comment %} by hand {% endcomment %}\n---\ndraft: true\n---\nText.", 3),
        ("export const metadata = { title: 'x', published: false };\n\nText.", 1),
        ("export default {title: 'x', draft: true}\n\nText.", 1),
        ("'use client'\n\n---\ntitle: x\ndraft: true\n---\nText.", 5),
        ("%YAML 1.2\n---\ntitle: x\ndraft: true\n---\nText.", 4),
        ("\u00a0---\ntitle: x\ndraft: true\n---\nText.", 3),
        ("\x0c---\ntitle: x\ndraft: true\n---\nText.", 3),
        ("--\ntitle: x\ndraft: true\n--\nText.", 3),
    ],
)
def test_what_looks_like_a_head_and_is_none_holds_the_text_and_is_named_by_its_line(tmp_path, client, text, line):
    post = read_text(tmp_path, text)
    assert reasons(post) == ["unread"] and post.holds.get().detail.startswith(f"line {line}: ")
    assert client.get(post.get_absolute_url()).status_code == 404
    (warning,) = [said for said in post.first_batch.breakdown["warnings"] if "front matter" in said]
    assert f"line {line} looks like front matter" in warning


def test_the_reviewer_is_told_of_a_head_that_was_not_read_while_it_stands_in_the_text(tmp_path, client):
    post = read_text(tmp_path, "# A page\n\nStatus: Draft\n\nText.")
    client.force_login(person("Reviewers"))
    screen = reverse("admin:review", args=[post.pk])
    said = "look like front matter but were not imported (“Status: Draft”)"
    assert said in client.get(screen).content.decode()
    record_revision(post, {**post.working_record(), "body": "Text."}, by=person("Editors"))
    assert said not in client.get(screen).content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is how a text begins.\n\nMore.",
        "Status: everything that follows was written in one evening, and nothing of it was changed.\n\nMore.",
        "---\n\nA text that begins with a rule.\n\n---\n\nAnd has another.",
        "---\nA text right below a rule.\n\nMore.",
        "---\nNote: a text right below a rule.\n\nMore.",
        "# A heading\n\nStatus: Accepted\nDate: 2020-01-01\n\nMore.",
        "# A heading\n\nStatus: nothing of it is ready.\n\nMore.",
        "# A heading\n\nPublic: yes\n\nMore.",
        "# A heading\n\nDraft: true is what\nour heads say.\n\nMore.",
        "Mills\n=====\n\nMore.",
        "Title: of nothing\nMore\n---\n\nMore.",
        "**Note:** mills.\n\nMore.",
        "**Published:** 2020-01-01\n\nMore.",
        "*Published: May 5, 2020*\n\nMore.",
        "Words.\n\n---\n\nMore: words.\n\n---\n\nAnd more.",
        "{{ template }}\n\nMore.",
        "{: .no_toc }\nMore.",
        "<!-- a comment -->\n\nMore.",
        "<!-- a comment without an end\n\nMore.",
        "Author: Jane tells how it was.\n\nMore.",
        "Warning: hot\n=======\n\nMore.",
        "https://example.org/: an address.\n\nMore.",
        "- draft\n- published\n\nMore.",
        "---\ntitle: A text\n---\nStatus: draft\n\nMore.",
        "",
    ],
)
def test_a_text_that_begins_as_texts_do_is_no_head(text):
    head = split_front_matter(text)
    assert head.unread_line == 0 and head.values in ({}, {"title": "A text"})
    assert head.body == text.removeprefix("---\ntitle: A text\n---\n")


# Addresses


@pytest.mark.parametrize(
    ("head", "address"),
    [
        ("path: 2017/06/27/Growing-Reach", "/2017/06/27/Growing-Reach/"),
        ("url: /2017/growing/", "/2017/growing/"),
        ("permalink: notes/growing", "/notes/growing"),
        ("dg-permalink: notes/growing", "/notes/growing/"),
        ("save_as: pages/growing.html", "/pages/growing.html"),
        ("slug: /guides/growing", "/guides/growing"),
        ("url: /first/\npath: /second/", "/second/"),
    ],
)
def test_what_names_the_address_of_a_text_there_leads_to_it_here(tmp_path, client, head, address):
    post = read_head(tmp_path, head)
    answer = client.get(address)
    assert answer.status_code == 301 and answer["Location"] == post.get_absolute_url()


# Other formats


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"post_date": f"{LATER} 00:00:00"}, "scheduled"),
        ({"post_date": f"{LATER} 00:00:00", "post_date_gmt": "0000-00-00 00:00:00"}, "scheduled"),
        ({"post_date": "2020-01-01 00:00:00", "post_date_gmt": f"{LATER} 00:00:00"}, "scheduled"),
        ({"post_date": "0000-00-00 00:00:00", "post_date_gmt": "0000-00-00 00:00:00"}, None),
        ({"status": "draft"}, "draft"),
        ({"status": "pending"}, "draft"),
        ({"status": "private"}, "private"),
        ({"status": "future", "post_date": f"{LATER} 00:00:00"}, "scheduled"),
        ({"status": "done"}, "unknown"),
        ({"post_password": "words"}, "password"),
        ({"meta": [("_jetpack_newsletter_access", "paid_subscribers")]}, "members"),
        ({"meta": [("_jetpack_newsletter_access", "subscribers")]}, "members"),
        ({"meta": [("_jetpack_newsletter_access", "everybody")]}, None),
        ({"is_sticky": "1"}, None),
    ],
)
def test_a_wordpress_post_is_held_for_the_reason_that_wordpress_gives(client, fields, reason):
    bring_in(item(**fields))
    post = Post.objects.get()
    assert reasons(post) == ([reason] if reason else []) and post.held is bool(reason)
    assert client.get(post.get_absolute_url()).status_code == (404 if reason else 200)


def test_a_mapping_says_what_a_status_of_a_plugin_means():
    bring_in(item(status="done"), mapping=Mapping.read("values: {status: {done: public}}"), head=WXR_HEAD)
    assert not Post.objects.get().held


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"draft": True}, "draft"),
        ({"published": "no"}, "unpublished"),
        ({"status": "draft"}, "draft"),
        ({"published_on": LATER}, "scheduled"),
        ({"expires": "2020-01-01"}, "expired"),
        ({"status": "brewing"}, "unknown"),
        ({"draft": False, "status": "published", "payload": {"draft": True}}, None),
    ],
)
def test_a_record_is_held_by_the_same_table(client, more, reason):
    batch = records({"source_id": "a:1", "title": "T", "slug": "t", "body": "Text.", **more})
    post = Post.objects.get()
    assert reasons(post) == ([reason] if reason else []) and post.held is bool(reason)
    assert client.get("/posts/t/").status_code == (404 if reason else 200)
    assert bool(batch.breakdown["held"]) is bool(reason)


@pytest.mark.parametrize(("zone", "is_held"), [(-600, True), (840, False)])
def test_the_moment_of_a_record_is_compared_with_its_time_zone(zone, is_held):
    clock = timezone.now() + timedelta(hours=1 if is_held else -1)
    moment = clock.astimezone(timezone.get_fixed_timezone(zone)).isoformat()
    records({"source_id": "a:1", "title": "T", "slug": "t", "body": "Text.", "published_on": moment})
    assert Post.objects.get().held is is_held


def test_a_refused_row_that_is_repaired_is_held_for_its_reasons(tmp_path):
    batch = import_markdown(folder_of(tmp_path / "blog", {"a.md": "---\ndraft: true\ndate: 2020-13-45\n---\nText."}))
    repair_row(batch.issues.get(), '{"source_id": "blog:a.md", "title": "T", "body": "Text."}', by=person("Staff"))
    assert reasons(Post.objects.get()) == ["draft"]


# Importing again


def import_again(tmp_path, head):
    return import_markdown(folder_of(tmp_path / "blog", {"a-text.md": f"---\ntitle: A text\n{head}\n---\nText.\n"}))


def test_a_source_that_unpublishes_a_text_holds_it_and_one_that_publishes_it_frees_it(tmp_path, client):
    address = read_head(tmp_path, "x: 1").get_absolute_url()
    assert client.get(address).status_code == 200
    batch = import_again(tmp_path, "x: 1\ndraft: true")
    assert client.get(address).status_code == 404 and batch.breakdown["held"] == {"Draft": 1}
    assert "a post is held now: its source no longer shows it" in batch.breakdown["warnings"]
    import_again(tmp_path, "x: 1\ndraft: true\nhidden: true")
    assert reasons(Post.objects.get()) == ["draft", "hidden"]
    batch = import_again(tmp_path, "x: 1\ndraft: false")
    assert client.get(address).status_code == 200 and not PostHold.objects.exists()
    assert "a post is no longer held: its source shows it now" in batch.breakdown["warnings"]


def test_a_text_that_expires_is_held_though_its_file_did_not_change(tmp_path, monkeypatch):
    post = read_head(tmp_path, f"expiryDate: {LATER}")
    assert not post.held
    later = timezone.datetime(2999, 1, 1, tzinfo=timezone.get_fixed_timezone(0))
    monkeypatch.setattr(publication.timezone, "now", lambda: later)
    import_again(tmp_path, f"expiryDate: {LATER}")
    assert reasons(Post.objects.get()) == ["expired"] and Post.objects.get().held


def test_a_released_post_stays_as_people_left_it_and_the_report_says_so(client):
    post = make_post(released=True)
    record = post.working_record()
    batch = records(record | {"draft": True})
    post.refresh_from_db()
    assert not post.held and client.get(post.get_absolute_url()).status_code == 200
    assert any("released here is not public at its source" in warning for warning in batch.breakdown["warnings"])
    assert not records(record | {"draft": True, "x": 1}).breakdown["held"]


def test_a_post_that_was_held_before_reasons_were_recorded_is_not_freed_by_its_source(tmp_path):
    post = read_head(tmp_path, "x: 1")
    Post.objects.filter(pk=post.pk).update(held=True)
    import_again(tmp_path, "x: 2")
    assert Post.objects.get().held
