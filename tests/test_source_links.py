"""Links between files of one source: on the page, after changes, in the report and for the reviewer."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.content_checks.stored import results_of_post
from posts.importing.mapping import Mapping
from posts.importing.pipeline import import_source
from posts.importing.rollback import roll_back_batch
from posts.importing.sources import open_source
from posts.models import Post, SourceLink
from posts.operations.change_slug import change_slug
from posts.operations.record_revision import record_revision
from tests.factories import make_post, person
from tests.wsgi_site import WsgiSite

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(tmp_path):
    """Return a function that imports {path: Markdown} as the folder "site"; files of before stay."""

    def imported(files, *, dry_run=False, site=None):
        for path, text in files.items():
            file = tmp_path / "site" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        with open_source(str(tmp_path / "site")) as opened:
            mapping = Mapping(site=site) if site else None
            return import_source(opened, format="markdown", dry_run=dry_run, mapping=mapping)

    return imported


def links_of(client, slug):
    """Return [(address, words)] of the links in the text of a page."""
    page = client.get(reverse("posts:detail", args=[slug])).content.decode()
    text = page[page.index('<div class="prose"') if '<div class="prose"' in page else page.index("<article") :]
    return re.findall(r'<a href="([^"#][^"]*)"[^>]*>(words[^<]*)</a>', text)


def test_rolling_an_import_back_asks_about_links_as_often_for_many_posts_as_for_few(source):
    def statements(count):
        files = {f"{count}/{number}.md": f"[words](other.md) {number}" for number in range(count)}
        first = source(files)
        later = source({path: f"{text} and more" for path, text in files.items()})
        with CaptureQueriesContext(connection) as queries:
            roll_back_batch(later, by=None, why="Too long.")
        bodies = Post.objects.filter(first_batch=first).values_list("body", flat=True)
        assert len(bodies) == count and not any("and more" in body for body in bodies)
        return sum("posts_source" in query["sql"] for query in queries.captured_queries)

    assert 0 < statements(12) <= statements(2)


OTHER = "---\ntitle: Other\n---\nText.\n\n## What's new?\n\nMore."


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("[words](./other.md)", "posts/a.md"),
        ("[words](other.md)", "posts/a.md"),
        ("[words](../posts/other.md)", "posts/a.md"),
        ("[words](other)", "posts/a.md"),
        ("[words](other.html)", "posts/a.md"),
        ("[words](../other/)", "posts/a.md"),
        ("[words](/posts/other/)", "posts/a.md"),
        ("[words](/posts/other)", "guide/deep/a.md"),
        ("[words][o]\n\n[o]: other.md", "posts/a.md"),
        ('[words]({{< ref "other.md" >}})', "posts/a.md"),
        ('[words]({{< relref "/posts/other" >}} "Title")', "guide/a.md"),
        ('[words]({{% ref path="other.md" lang="en" %}})', "posts/a.md"),
        ("[words]({% link posts/other.md %})", "guide/a.md"),
        ("[words]({{ site.baseurl }}{% link posts/other.md %})", "guide/a.md"),
        ("[words][o]\n\n[o]: {% link posts/other.md %}", "guide/a.md"),
        ("[words]({{ '/posts/other/' | relative_url }})", "guide/a.md"),
        ('[words]({{ "/posts/other/" | url }})', "guide/a.md"),
        ("[words]({{ site.baseurl }}/posts/other/)", "guide/a.md"),
        ("[words](@/posts/other.md)", "guide/a.md"),
        ("[[other|words]]", "guide/a.md"),
        ("[[posts/other|words]]", "guide/a.md"),
        ("| a |\n|---|\n| [[Other\\|words]] |", "guide/a.md"),
        ('<a href="other.md">words</a>', "posts/a.md"),
        ("> [!NOTE]\n> [words](other.md)", "posts/a.md"),
    ],
)
def test_a_link_to_another_file_leads_to_its_post(client, source, written, path):
    source({path: f"---\ntitle: A\n---\n{written}", "posts/other.md": OTHER})
    assert links_of(client, "a") == [("/posts/other/", "words")]


@pytest.mark.parametrize(
    "written", ["[words]({% post_url 2020-01-02-other %})", "[words](/2020/01/02/other.html)", "[words](/old-home/)"]
)
def test_a_link_to_a_dated_post_or_to_its_old_address_leads_to_it(client, source, written):
    head = "---\ntitle: Other\npermalink: /2020/01/02/other.html\naliases: [/old-home/]\n---\nText."
    source({"_posts/2021-02-03-a.md": f"---\ntitle: A\n---\n{written}", "_posts/2020-01-02-other.md": head})
    assert links_of(client, "a") == [("/posts/other/", "words")]


def test_a_whole_address_of_the_old_site_leads_to_the_post_that_had_it(client, source):
    links = (
        "[words](https://blog.example/x/other/) [words](https://else.example/x/other/) https://blog.example/x/other/"
    )
    text = f"---\ntitle: A\n---\n{links}"
    source({"a.md": text, "x/other.md": OTHER}, site="https://blog.example/")
    assert [address for address, _ in links_of(client, "a")] == ["/posts/other/", "https://else.example/x/other/"]
    assert 'href="https://blog.example' not in client.get("/posts/a/").content.decode()
    assert not SourceLink.objects.filter(address__contains="else.example").exists()


def test_a_path_that_begins_with_the_folder_that_is_the_source_leads_to_its_files(client, source):
    source({"a.md": "---\ntitle: A\n---\n[words](/site/other/) [words](/else/other/)", "other.md": OTHER})
    assert [address for address, _ in links_of(client, "a")] == ["/posts/other/", "/else/other/"]


@pytest.mark.parametrize("fragment", ["whats-new", "what-s-new", "What's%20new?"])
def test_a_link_leads_to_the_heading_in_the_other_post(client, source, fragment):
    source({"a.md": f"---\ntitle: A\n---\n[words](other.md#{fragment})", "other.md": OTHER})
    assert links_of(client, "a") == [("/posts/other/#s-what-s-new", "words")]
    assert 'id="s-what-s-new"' in client.get("/posts/other/").content.decode()


def test_of_two_notes_of_one_name_the_nearest_is_meant_and_of_two_as_near_none(client, source):
    note = "---\ntitle: {}\n---\nText."
    source({
        "en/guide/a.md": "---\ntitle: A\n---\n[[setup|words]]",
        "b.md": "---\ntitle: B\n---\n[[setup|words]]",
        "en/setup/setup.md": note.format("English"),
        "de/setup/setup.md": note.format("Deutsch"),
    })  # fmt: skip
    slug = SourceLink.objects.get(post__slug="a").target.title
    assert slug == "English" and SourceLink.objects.get(post__slug="b").target is None
    assert "[[setup|words]]" in client.get("/posts/b/").content.decode()


def test_of_copies_in_several_languages_a_path_from_the_root_means_the_one_that_is_less_deep(client, source):
    copies = {path: OTHER.replace("Other", path) for path in ("src/docs/x.md", "src/de/docs/x.md", "src/ko/docs/x.md")}
    source({"src/posts/a.md": "---\ntitle: A\n---\n[words](/docs/x)", **copies})
    assert SourceLink.objects.get().target.title == "src/docs/x.md"


def test_posts_may_come_in_any_order_and_in_later_imports(client, source):
    source({"a.md": "---\ntitle: A\n---\n[words](other.md)"})
    assert links_of(client, "a") == [] and "words" in client.get("/posts/a/").content.decode()
    source({"other.md": OTHER})
    assert links_of(client, "a") == [("/posts/other/", "words")]


@pytest.mark.django_db(transaction=True)
def test_a_page_follows_its_links_when_the_post_moves_and_goes(source, superuser):
    site = WsgiSite()

    def read():
        site.later()
        return site.get("/posts/a/").body.decode()

    source({"a.md": "---\ntitle: A\n---\n[words](other.md)"})
    assert '">words</a>' not in read()
    second = source({"other.md": OTHER})
    assert '<a href="/posts/other/">words</a>' in read()
    change_slug(Post.objects.get(slug="other"), "moved", by=superuser)
    assert '<a href="/posts/moved/">words</a>' in read()
    roll_back_batch(second, by=superuser)
    assert '">words</a>' not in read() and "words" in read()


def test_an_article_asks_two_queries_however_many_links_it_has(client, source):
    files = {f"n{number}.md": f"---\ntitle: N{number}\n---\nText." for number in range(30)}
    links = " ".join(f"[words](n{number}.md)" for number in range(30))
    source({"one.md": "---\ntitle: One\n---\n[words](n1.md)", "all.md": f"---\ntitle: All\n---\n{links}", **files})
    counts = []
    for slug in ("one", "all"):
        client.get(f"/posts/{slug}/")
        with CaptureQueriesContext(connection) as queries:
            assert links_of(client, slug)
        counts.append(len(queries))
    assert counts == [2, 2]


def test_an_edit_brings_new_links_and_leaves_the_text_as_it_was_sent(client, source):
    source({"a.md": "---\ntitle: A\n---\nText.", "other.md": OTHER})
    post = Post.objects.get(slug="a")
    body = "See [words](other.md#whats-new)."
    record_revision(post, {"title": "A", "body": body}, by=person("Editors"))
    post.refresh_from_db()
    assert post.head.snapshot["body"] == body
    assert SourceLink.objects.get(post=post).anchor == "s-what-s-new"


LOST = "---\ntitle: A\n---\n[words](gone.md) [[Nowhere]] [more](../x.zip) [web](https://a.example/b.md) [in](#here)"


def test_links_without_a_post_are_counted_by_kind_with_an_example_and_a_rehearsal_says_the_same(source):
    rehearsed = source({"a.md": LOST, "b.md": "---\ntitle: B\n---\n[words](a.md) [x](gone.md)"}, dry_run=True)
    batch = source({})
    assert rehearsed.breakdown["warnings"] == batch.breakdown["warnings"]
    said = {warning.partition(" lead ")[0]: (warning, count) for warning, count in batch.breakdown["warnings"].items()}
    assert {kind: count for kind, (_, count) in said.items()} == {
        "links to other files": 2,
        "wiki links": 1,
        "links with relative addresses": 1,
    }
    assert "for example “gone.md” in a.md" in said["links to other files"][0]


def test_a_link_without_a_post_is_a_finding_until_its_file_comes(source):
    source({"a.md": LOST})
    post = Post.objects.get(slug="a")

    def told():
        return {finding.check: finding for finding in results_of_post(post)[0]}

    assert told()["source-links"].count == 2 and "“gone.md”, “../x.zip”" in told()["source-links"].message
    assert "[[Nowhere]]" in told()["residue-markup"].message
    source({"gone.md": OTHER, "Nowhere.md": "---\ntitle: N\n---\nText."})
    assert "“gone.md”" not in told()["source-links"].message and "residue-markup" not in told()


@pytest.mark.once
@pytest.mark.parametrize(
    "words",
    [
        "[a](b.md)",
        "[a](b.MKDN#part)",
        "[a](b&#46;md)",
        '[a]({{< ref "b" >}})',
        "[a]\n\n[a]: b.mdwn",
        "[a]({% link b %})",
    ],
)
def test_a_text_that_came_from_nowhere_has_its_links_to_files_named(words):
    post = make_post(body=f"Read {words}")
    assert [finding.check for finding in results_of_post(post)[0] if finding.check == "source-links"] == [
        "source-links"
    ]
