"""Markdown with front matter from folders and archives, as static site generators keep it."""

import io
import json
import os
import re
import struct
import tarfile
import zipfile

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from posts.importing import front_matter, front_matter_yaml
from posts.importing import mapping as mapping_module
from posts.importing.dates import UnreadableDate, read_date
from posts.importing.front_matter import split_front_matter
from posts.importing.mapping import Mapping, MappingRefused
from posts.importing.pipeline import import_source
from posts.importing.readers import READERS, archives
from posts.importing.sources import Source, SourceUnreadable
from posts.models import FormerSlug, ImportIssue, Post, Revision
from posts.operations.release import withdraw_post
from posts.records.schema import MAX_RECORD_BYTES
from posts.rendering.markdown import render_text
from tests.markdown_sources import GOOD, folder_of, import_markdown, outcomes, tar_of, zip_of

# What a reader makes of a file is decided before a database has it.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def read_one(tmp_path, text, *, path="2021-03-04-a-text.md", mapping=None):
    """Import one file; return its post."""
    batch = import_markdown(folder_of(tmp_path / "site", {path: text}), mapping=mapping)
    assert outcomes(batch) == {"created": 1}, list(batch.issues.values_list("problems", flat=True))
    return Post.objects.get()


def refusal_of(tmp_path, content, *, path="bad.md"):
    """Import one bad file between good ones; return the reason, and make sure that the good ones came in."""
    batch = import_markdown(folder_of(tmp_path / "site", {**GOOD, path: content}))
    assert outcomes(batch) == {"created": len(GOOD), "refused": 1}
    issue = batch.issues.get()
    assert issue.label == path
    return issue.problems[0]


# What a file says


def test_a_jekyll_post_comes_in_with_its_day_its_words_and_its_old_address(tmp_path, client):
    text = """---
layout: post
title:  "Draining: a worker"
date:   2021-03-04 23:30:00 -0800
author: Ann Hall
categories: [queues, workers]
tags: go postgresql
permalink: /notes/:year/:title.html
redirect_from:
  - /old/draining/
version: 1.10.2
weight: 3
ratio: 1.5
pinned: true
nothing: ~
---
Finish it, then **leave**.
"""
    post = read_one(tmp_path, text, path="_posts/2021-03-05-draining-a-worker.markdown")
    record = post.head_revision.snapshot
    assert post.title == "Draining: a worker" and post.slug == "draining-a-worker"
    # The day where it was written, not the one in Greenwich and not the one in the file's name.
    assert record["published_on"] == "2021-03-04"
    assert (record["authors"], record["topic"], record["tags"]) == (
        ["Ann Hall"],
        "queues",
        ["go", "postgresql", "workers"],
    )
    assert record["payload"] == {
        "layout": "post",
        "date": "2021-03-04 23:30:00 -0800",
        "permalink": "/notes/:year/:title.html",
        "redirect_from": ["/old/draining/"],
        "version": "1.10.2",
        "weight": 3,
        "ratio": 1.5,
        "pinned": True,
        "nothing": None,
    }
    assert post.source_id == "site:_posts/2021-03-05-draining-a-worker.markdown"
    for address in ("/notes/2021/draining-a-worker.html", "/old/draining/", "/old/draining/index.html"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (301, "/posts/draining-a-worker/")
    assert client.get("/old/").status_code == 404


def test_a_hugo_bundle_with_toml_keeps_types_and_takes_its_name_from_its_folder(tmp_path):
    text = """+++
title = "Leases"
date = 2021-03-04T08:30:00Z
lastmod = 2021-05-06
draft = false
slug = ""
aliases = ["/posts/old-leases/", "leases-2020"]
series = ["Queues"]
tags = ["Go", "Locks"]
description = "How a lease ends."
[cover]
image = "https://loremflickr.com/1200/630/lease"
alt = "A clock"
[params]
weights = [1, 2.5, true]
+++
Text.
"""
    post = read_one(tmp_path, text, path="content/posts/leases-and-locks/index.md")
    record = post.head_revision.snapshot
    assert (post.slug, record["summary"], record["published_on"]) == (
        "leases-and-locks",
        "How a lease ends.",
        "2021-03-04",
    )
    assert record["tags"] == ["Go", "Locks", "Queues"] and record["payload"]["series"] == ["Queues"]
    assert record["payload"]["params"] == {"weights": [1, 2.5, True]}
    assert record["payload"]["lastmod"] == "2021-05-06" and record["payload"]["draft"] is False
    assert record["image_sources"] == [
        {"source": "loremflickr.com", "url": "https://loremflickr.com/1200/630/lease", "alt": "A clock"}
    ]
    assert set(post.former_slugs.values_list("slug", flat=True)) == {"/posts/old-leases", "/leases-2020"}


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        ("# The *first* heading\n\nText.", "The first heading", "Text."),
        ("# With an id {#top}\n\nText.", "With an id", "Text."),
        ("Words.\n\n# Later\n\nText.", "A text", None),
        ("## A section\n\nText.", "A text", None),
        ("A section\n---------\n\nText.", "A text", None),
        ("- # In a list\n\nText.", "A text", None),
        ("> # In a quotation\n\nText.", "A text", None),
        ("---\n\n# After a rule\n\nText.", "A text", None),
        ("# Alone", "Alone", "# Alone"),
        (
            "import Chart from './chart'\nexport const x = 1\n\n# With parts\n\nText.",
            "With parts",
            "import Chart from './chart'\nexport const x = 1\n\nText.",
        ),
        ("---\ntitle: Its own\n---\n# Another\n\nText.", "Its own", "# Another\n\nText."),
        ("---\ntitle: Its own\n---\n# Its *own*!\n\nText.", "Its own", "Text."),
        ("---\ntitle: Its own\n---\n# Its own end\n\nText.", "Its own", "# Its own end\n\nText."),
        ("---\ntitle: '{{ navigation.key }}'\n---\nText.", "A text", "Text."),
        ("---\ntitle: '{{ navigation.key }}'\n---\n# Heading\n\nText.", "Heading", "Text."),
        ("---\ntitle: 'About {{ site.name }}'\n---\nText.", "About {{ site.name }}", "Text."),
        ("---\ntitle: 'Version\xa03 of\u202fit,  at last'\n---\nText.", "Version\xa03 of\u202fit, at last", "Text."),
        ("Under it\n========\n\nText.", "Under it", "Text."),
        ("---\ntitle: ~\n---\n# Heading\n\nText.", "Heading", "Text."),
        ("---\ntitle: 2021\n---\nText.", "2021", "Text."),
        ("---\ntitle: 1.10\n---\nText.", "1.10", "Text."),
        ("---\ntitle: no\n---\nText.", "no", "Text."),
        ("---\n---\nText.", "A text", "Text."),
        ("---\nOnly a rule above, and one below.\n\n---\n", "A text", None),
        ('--- \ntitle: "Ends with dots"\n...\nText.', "Ends with dots", "Text."),
        ('{"title": "From JSON", "n": 1}\nText.', "From JSON", "Text."),
        ("\ufeff---\r\ntitle: From Windows\r\n---\r\nText.\r\n", "From Windows", "Text."),
        ("{% include head.html %}\n# Words\n", "Words", "{% include head.html %}\n# Words"),
        ("```\n# no heading\n```\n", "A text", "```\n# no heading\n```"),
        ("Kept.\n\n<!--more-->\n\nKept too.", "A text", "Kept.\n\n\nKept too."),
    ],
)
def test_the_title_is_what_the_head_says_else_a_heading_that_begins_the_text_else_the_name(tmp_path, text, title, body):
    post = read_one(tmp_path, text)
    assert (post.title, post.body) == (title, text.strip() if body is None else body)


@pytest.mark.parametrize(
    "head",
    [
        "---\ntitle: A\nrole: [a, b]\nrole: [a, b]\n---\n",
        "---\ntitle: A\nx: {role: 1}\ntitle: A\n---\n",
        '{"title": "A", "role": 1, "role": 1}\n',
        '---json\n{"title": "A", "title": "A"}\n---\n',
    ],
)
def test_a_key_that_stands_twice_with_one_value_is_taken_once_and_counted(tmp_path, head):
    batch = import_markdown(folder_of(tmp_path / "site", {"a.md": f"{head}Text."}))
    assert Post.objects.get().title == "A"
    assert batch.breakdown["warnings"] == {"a key that was given twice with the same value was used once": 1}


def test_posts_with_syntax_that_readers_see_as_text_are_counted_by_kinds(tmp_path):
    files = {
        "a.md": '{{< tabs "x" >}} one {{< /tabs >}} {{< tabs >}}\n\n![[picture.png]]',
        "d.md": "{{< tabs >}}\n\n{% note %}",
        "b.md": "`<b>` and\n\n    <p>\n\n<https://a.example/>",
        "c.md": "a < b > c",
    }
    batch = import_markdown(folder_of(tmp_path / "site", files))
    said = "syntax that readers see as text"
    assert batch.breakdown["warnings"] == {
        f"{said}: {{{{< tabs >}}}}": 2,
        f"{said}: ![[…]]": 1,
        f"{said}: {{% note %}}": 1,
    }


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("Import from Notes.md", "Import from Notes"),
        ("v0.10.0.md", "v0.10.0"),
        ("2023-10-05.md", "2023-10-05"),
        ("C++ & Rust - a start.md", "C++ & Rust - a start"),
        ("README.md", "README"),
        ("Growing-Reach.md", "Growing-Reach"),
        ("my-first-post.md", "My first post"),
        ("snake_case_name.md", "Snake case name"),
        ("about.md", "About"),
        ("2019-04-02-hello-world.md", "Hello world"),
        ("_posts/2019-04-02-Hello-World.md", "Hello World"),
        ("blog/first-steps/index.md", "First steps"),
        ("Notes/Reading List/index.md", "Reading List"),
    ],
)
def test_a_name_is_a_title_in_its_own_spelling_and_an_address_in_words(tmp_path, path, title):
    assert read_one(tmp_path, "Text of it.", path=path).title == title


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("See [it](../other/).", "links with relative addresses"),
        ("See [it](gone.md#part).", "links to other files"),
        ("See [it](/about/).", "links with relative addresses"),
        ("See [it].\n\n[it]: ./there.html", "links with relative addresses"),
        ("See [it](https://a.example/) and [there](#part) and [mail](mailto:a@b.example).", ""),
        ("Write `[it](../other/)`.\n\n    [it](../other/)\n\n```\n[it](../other/)\n```", ""),
    ],
)
def test_links_with_relative_addresses_are_counted(tmp_path, text, said):
    folder = folder_of(tmp_path / "site", {"a.md": f"---\ntitle: A\n---\n{text}\n", "b.md": "Text."})
    warnings = import_markdown(folder).breakdown["warnings"]
    assert [(name.startswith(said), count) for name, count in warnings.items()] == [(True, 1)] * bool(said)
    with_site = import_markdown(folder, mapping="site: https://old.example/").breakdown["warnings"]
    # Where the page was is not known, so only a path from the root of the site is complete.
    assert len(with_site) == bool(said) * ("/about/" not in text)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2021-03-04", "2021-03-04"),
        ("Fri Sep  3 11:21:31 CEST 2021", "2021-09-03"),
        ("Fri Sep 03 11:21:31 +0200 2021", "2021-09-03"),
        ("Fri  3 Sep 11:21:31 BST 2021", "2021-09-03"),
        ("Fri Sep 03 2021 11:21:31 GMT+0200 (CEST)", "2021-09-03"),
        ("2021-3-4", "2021-03-04"),
        ("2013-05-08 23:46:11 +0200", "2013-05-08"),
        ("2013-05-08T00:46:11.123+05:30", "2013-05-08"),
        ("2021/03/04 10:00", "2021-03-04"),
        ("20210304", "2021-03-04"),
        ("Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02"),
        ("Thu Feb 24 2011 00:10:04 GMT-0800 (PST)", "2011-02-24"),
        ("Mon Jan  2 15:04:05 2006", "2006-01-02"),
        ("March 4th, 2021 at 3:15 pm", "2021-03-04"),
        ("4 Mar 2021", "2021-03-04"),
        ("04.03.2021", "2021-03-04"),
        ("25/12/2021", "2021-12-25"),
        ("12/25/2021", "2021-12-25"),
        ("1614870000", "2021-03-04"),
        ("1614870000123", "2021-03-04"),
        ("2024-02-29", "2024-02-29"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31"),
        ("git Last Modified", None),
        ("{{ page.date }}", None),
    ],
)
def test_dates_are_read_in_the_forms_that_people_write(written, day):
    assert read_date(written)[0] == day


@pytest.mark.parametrize(
    "written",
    ["2019-13-45", "2021-02-29", "190:20:30", "yesterday", "2021", "2021-03", "02/03/2021", "4 Foo 2021",
     "Marsh 4 2021", "2021-03-04 25:61", "0000-01-01", "٢٠٢١-٠٣-٤٥", "2021-03-04x", "9" * 400, ""],
)  # fmt: skip
def test_a_date_that_is_none_or_could_be_two_is_refused(written):
    with pytest.raises(UnreadableDate, match=r"YYYY-MM-DD|day-first"):
        read_date(written)


def test_a_mapping_says_what_an_ambiguous_date_is(tmp_path):
    assert refusal_of(tmp_path, "---\ndate: 02/03/2021\n---\nText.")[0] == "/date"
    import_markdown(tmp_path / "site", mapping="dates: day-first")
    post = Post.objects.get(source_id="site:bad.md")
    assert post.head_revision.snapshot["published_on"] == "2021-03-02"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("draft: true", "draft"),
        ("draft: yes", "draft"),
        ("published: false", "unpublished"),
        ("private: true", "private"),
        ("status: Private", "private"),
        ("visibility: hidden", "hidden"),
        ("permalink: false", "not_rendered"),
        ("password: secret words", "password"),
        ("date: 2998-03-04 05:06:07", "scheduled"),
        ("publishDate: 2998-03-04", "scheduled"),
    ],
)
def test_what_was_not_public_there_is_held_here(tmp_path, client, head, status):
    post = read_one(tmp_path, f"---\ntitle: Not yet\n{head}\n---\nText.")
    assert post.held and client.get("/posts/a-text/").status_code == 404
    assert post.first_batch.breakdown["kinds"] == {f"post, {status}": {"created": 1}}
    assert "secret words" not in json.dumps(post.head_revision.snapshot)


@pytest.mark.parametrize("head", ["draft: false", "published: true", "status: published", "draft:", "private: no"])
def test_what_was_public_there_waits_for_review_here(tmp_path, client, head):
    post = read_one(tmp_path, f"---\ntitle: Public\n{head}\n---\nText.")
    answer = client.get(post.get_absolute_url())
    assert not post.held and answer.status_code == 200 and answer["X-Robots-Tag"] == "noindex"


def test_a_draft_of_jekyll_is_held_though_it_says_nothing(tmp_path):
    assert read_one(tmp_path, "Text.", path="_drafts/idea.md").held


def test_template_syntax_is_neither_run_nor_lost(tmp_path, client):
    template = [
        "{{ site.repository }}", "{% raw %}", "{{ 7 * 7 }}", "{% include x.html a='b' %}",
        "{{< youtube w7Ft2ymGmfc >}}", "{{% note %}}", "<%= 7 * 7 %>", "${7*7}",
        "{{ '/' | relative_url }}", "<script>alert(1)</script>",
    ]  # fmt: skip
    body = "\n\n".join([*template, "[#1]: {{ site.repository }}/1 and [a]({{ site.url }}/b)"])
    post = read_one(tmp_path, f'---\ntitle: "{{{{ page.title }}}}"\nx: "{{% y %}}"\n---\n{body}\n')
    assert post.body == body and post.payload["title"] == "{{ page.title }}"
    page = client.get(post.get_absolute_url()).content.decode()
    for text in template:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert any(form in page for form in (escaped, escaped.replace('"', "&quot;"))), text
    assert "49" not in str(render_text(post.head_revision.snapshot).html)


def test_pictures_are_placed_where_they_stood_when_the_old_site_is_known(tmp_path):
    body = """![A plan](plan.png "The plan.")

Words, ![inside](https://placehold.co/1.png) and more.

![One](/img/one.png)
![Two](https://placehold.co/600x400?text=Two)

- ![in a list](list.png)

[![badge](https://placehold.co/b.png)](https://example.org/)
"""
    text = f"---\nurl: /blog/2021/plan/\n---\n{body}"
    post = read_one(tmp_path, text, mapping="site: https://old.example.org/")
    record = post.head_revision.snapshot
    assert [image["url"] for image in record["image_sources"]] == [
        "https://old.example.org/blog/2021/plan/plan.png",
        "https://old.example.org/img/one.png",
        "https://placehold.co/600x400?text=Two",
    ]
    assert record["image_sources"][0] == {
        "source": "old.example.org",
        "url": "https://old.example.org/blog/2021/plan/plan.png",
        "caption": "The plan.",
        "alt": "A plan",
    }
    assert record["body"].startswith("![](image:1)\n\nWords, ![inside](https://placehold.co/1.png)")
    assert (
        "![](image:2)\n![](image:3)\n\n- ![in a list](https://old.example.org/blog/2021/plan/list.png)"
        in record["body"]
    )
    assert str(render_text(record).html).count("<figure") == 3
    assert post.source_id == "old.example.org:2021-03-04-a-text.md"


def test_pictures_of_an_unknown_site_stay_links_and_are_counted(tmp_path):
    post = read_one(tmp_path, "![A plan](plan.png)\n\nWords.")
    assert post.body == "![A plan](plan.png)\n\nWords." and "image_sources" not in post.head_revision.snapshot
    (warning,) = post.first_batch.breakdown["warnings"]
    assert "relative addresses" in warning


def test_more_pictures_than_a_record_holds_stay_links(tmp_path):
    body = "\n\n".join(f"![No. {number} *of* many](https://placehold.co/{number}.png)" for number in range(53))
    post = read_one(tmp_path, body)
    assert len(post.head_revision.snapshot["image_sources"]) == 50
    assert post.body.endswith("![No. 52 of many](<https://placehold.co/52.png>)")


def test_relative_links_lead_to_the_old_site_if_it_is_known_and_code_stays_as_it_is(tmp_path):
    body = (
        "[a](/b/) [c](../d) [e](#f) [g](h.md) [i](https://j/) [k]({{ l }}) `[m](/n)` ![o](image:1)\n\n"
        '[p]: /q "r"\n\n    [s](/t)\n\n```\n[u](/v)\n```'
    )
    post = read_one(tmp_path, f"---\npermalink: /x/y/\n---\n{body}", mapping="site: https://old.example.org")
    assert post.body == (
        "[a](https://old.example.org/b/) [c](https://old.example.org/x/d) [e](#f) [g](h.md) [i](https://j/) "
        '[k]({{ l }}) `[m](/n)` ![o](image:1)\n\n[p]: https://old.example.org/q "r"\n\n    [s](/t)\n\n```\n[u](/v)\n```'
    )
    Post.objects.all().update(source_id="another")
    batch = import_markdown(folder_of(tmp_path / "same", {"a.md": f"---\npermalink: /x/z/\n---\n{body}"}))
    assert Post.objects.get(first_batch=batch).body == body


def test_a_section_page_other_files_and_hidden_folders_are_skipped_by_reason(tmp_path):
    files = {
        "content/_index.md": "---\ntitle: Blog\n---\n",
        "content/_index.de.md": "---\ntitle: Blog\n---\n",
        "content/a.md": "A.",
        "content/plan.png": b"\x89PNG",
        ".git/HEAD": "x",
        ".hidden.md": "x",
        "node_modules/x/readme.md": "x",
        "README.md": "Read me.",
    }
    batch = import_markdown(folder_of(tmp_path / "site", files), mapping='exclude: ["README.md"]')
    assert outcomes(batch) == {"created": 1, "skipped": 7}
    assert batch.skip_reasons == {
        "is hidden, or is in a folder of the site generator": 3,
        "is left out by the mapping": 1,
        "is not a Markdown file": 1,
        "is the page of a section (_index.md), not a post": 2,
    }


def test_authors_come_by_name_and_their_mail_addresses_do_not(tmp_path):
    head = "authors:\n- name: Ann Hall\n  email: ann@example.org\n  url: https://ann.example.org\n- Bo Lind\n"
    post = read_one(tmp_path, f"---\n{head}---\nText.")
    record = post.head_revision.snapshot
    assert record["authors"] == ["Ann Hall", "Bo Lind"]
    assert record["payload"]["authors"] == [{"name": "Ann Hall", "url": "https://ann.example.org"}, "Bo Lind"]
    assert "ann@example.org" not in json.dumps(record)


@pytest.mark.parametrize(
    ("written", "names", "kept"),
    [
        ("'[Ann Hall](https://ann.example.org)'", ["Ann Hall"], "[Ann Hall](https://ann.example.org)"),
        ("'<a href=\"https://a.example\">Ann Hall</a>'", ["Ann Hall"], '<a href="https://a.example">Ann Hall</a>'),
        ("'[Ann Hall](https://a.example) (Acme), [Bo Lind](https://b.example) and [Cy](https://c.example)'",
         ["Ann Hall (Acme)", "Bo Lind", "Cy"], None),
        ("Ann Hall <ann@example.org>", ["Ann Hall"], "Ann Hall"),
        ("[Ann Hall (ann@example.org), Bo Lind]", ["Ann Hall", "Bo Lind"], ["Ann Hall", "Bo Lind"]),
        ("ann@example.org", None, None),
        ("'@annhall'", ["@annhall"], None),
    ],
)  # fmt: skip
def test_authors_are_shown_without_links_and_mail_addresses(tmp_path, written, names, kept):
    record = read_one(tmp_path, f"---\nauthor: {written}\n---\nText.").head_revision.snapshot
    assert record.get("authors") == names and "ann@example.org" not in json.dumps(record)
    assert kept is None or record["payload"]["author"] == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("% Drain a queue\n  without loss\n% Ann Hall; Bo Lind\n% 2 April 2019\n\nText.",
         ("Drain a queue without loss", ["Ann Hall", "Bo Lind"], "2019-04-02", "Text.")),
        ("% Only a title\n\nText.", ("Only a title", None, "2021-03-04", "Text.")),
        # Comments of LaTeX.
        ("% a\n% b\n% c\n% d\n\nText.", ("A text", None, "2021-03-04", "% a\n% b\n% c\n% d\n\nText.")),
        ("%not a block\n\nText.", ("A text", None, "2021-03-04", "%not a block\n\nText.")),
    ],
)  # fmt: skip
def test_a_title_block_of_pandoc_is_front_matter(tmp_path, text, shown):
    record = read_one(tmp_path, text).head_revision.snapshot
    assert (record["title"], record.get("authors"), record["published_on"], record["body"]) == shown


def test_nothing_that_a_file_says_of_itself_opens_a_gate(tmp_path, client):
    names = [field.name for field in Post._meta.get_fields()] + [field.name for field in Revision._meta.get_fields()]
    names += ["__class__", "is_superuser", "noindex", "review_state", "source_id", "hash", "approved"]
    names = [name for name in dict.fromkeys(names) if name not in ("title", "body", "slug", "published_on")]
    typed = "".join(f"{name}: true\n" for name in names)
    head = "title: A\nflags: {needs_human_review: 0}\nstatus: approved\nlive_revision: 1\nsource_id: other"
    texts = f"---\n{head}\n---\nText."
    files = {"a.md": texts, "b.md": f"---\ntitle: B\n{typed}---\nText."}
    batch = import_markdown(folder_of(tmp_path / "site", files))
    assert outcomes(batch) == {"created": 2}, list(batch.issues.values_list("problems"))
    for post in Post.objects.select_related("head_revision"):
        assert post.head_revision.status == "drafted" and post.live_revision is None and not post.is_indexable
        assert post.source_id.startswith("site:") and post.first_published_at is None and not post.needs_human_review
        assert client.get(post.get_absolute_url())["X-Robots-Tag"] == "noindex"


# Front matter that must be read with care


def test_yaml_is_read_with_the_types_of_its_core_schema_and_dates_as_texts():
    head = split_front_matter(
        "---\na: no\nb: 190:20:30\nc: 1e3\nd: 0x1F\ne: 007\nf: 2019-13-45\ng: .inf\nh: 99999999999999999999\n"
        "i: &x [1, 'two', {k: null}]\nj: *x\nk: |\n  long\n  text\nl: !!str 5\nm: \"5\"\nn: -0.5\no: '~'\n---\n"
    )
    assert head.values == {
        "a": "no", "b": "190:20:30", "c": 1000.0, "d": 31, "e": "007", "f": "2019-13-45", "g": ".inf",
        "h": "99999999999999999999", "i": [1, "two", {"k": None}], "j": [1, "two", {"k": None}], "k": "long\ntext\n",
        "l": "5", "m": "5", "n": -0.5, "o": "~",
    }  # fmt: skip
    assert head.words["c"] == "1e3" and head.words["i"] == ["1", "two", {"k": None}]


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
HOSTILE_HEADS = {
    "alias bomb": (BOMB, "more than 10,000 values"),
    "recursive alias": ("a: &a [*a]", "inside itself"),
    "unknown alias": ("a: *b", "is not valid YAML|is not defined"),
    "nested lists": ("a: " + "[" * 10_000 + "]" * 10_000, "deeper than 10|not valid YAML"),
    "nested blocks": ("\n".join(" " * n + f"k{n}:" for n in range(60)) + " 1", "deeper than 10"),
    "object tag": ("a: !!python/object/apply:os.system [id]", "uses the tag"),
    "ruby tag": ("a: !ruby/object:Gem {}", "uses the tag"),
    "set tag": ("a: !!binary aGk=", "uses the tag"),
    "same key": ("title: a\ntitle: b", "the key “title” twice, with different values .line 3"),
    "same key, other value inside": ("title: a\nx: {y: 1, y: 2}", "the key “y” twice, with different values .line 3"),
    "tab": ("a:\n\t- b", "not valid YAML.*line 3"),
    "large key": ("k" * 1_000_000 + ": 1", "longer than"),
    "no end of a text": ('a: "b', "not valid YAML"),
    "key that is a list": ("? [a]\n: b", "a key that is not text"),
    "template as a value": ("a: {{ b }}", "a key that is not text"),
    "two documents": ("a: 1\n--- b\n", "not valid YAML|more than one"),
    "control character": ("a: \x01", "not valid YAML"),
    "half of a pair": ('title: "\\ud800"', "not valid YAML|surrogate"),
}


@pytest.mark.parametrize("name", HOSTILE_HEADS)
def test_a_hostile_head_is_refused_with_its_reason_and_the_others_come_in(tmp_path, name):
    head, reason = HOSTILE_HEADS[name]
    _, said = refusal_of(tmp_path, f"---\n{head}\n---\nText.")
    assert re.search(reason, said, re.DOTALL), said


HOSTILE_TOML = {
    "not valid TOML": ("title = ", "not valid TOML"),
    "nested": ("a = " + "[" * 5_000 + "]" * 5_000, "not valid TOML|deeper"),
    "dotted": (".".join(["a"] * 3_000) + " = 1", "a key of more than 500 parts"),
    "dotted with spaces": ("x = {" + " . ".join(["a"] * 3_000) + " = 1}", "a key of more than 500 parts"),
    "large number": ("a = 0x" + "f" * 50_000, "a number that is too long"),
    "same key": ("a = 1\na = 2", "not valid TOML"),
}


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_a_hostile_toml_head_is_refused_with_its_reason(tmp_path, name):
    head, reason = HOSTILE_TOML[name]
    assert re.search(reason, refusal_of(tmp_path, f"+++\n{head}\n+++\nText.")[1], re.DOTALL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"---\ntitle: A\n---\n" + b"x" * 1024 * 1024, "a record can have at most 1,048,576"),
        (b"x" * 3_000_000, "a file of 3,000,000 bytes"),
        ("---\ntitle: Ü\n---\n".encode("latin-1"), "is not UTF-8 (byte 12)"),
        ("---\ntitle: Ü\n---\n".encode("utf-16"), "is not UTF-8 (byte 1)"),
        ("---\ntitle: A\n---\nA \x00 in it.", "contains a NUL character"),
        ("---\ntitle: A\n---\n\n", "is empty"),
        ("", "is empty"),
        (f"---\ntitle: {'long ' * 100}\n---\nText.", "can have at most 300 characters"),
        ("---\na: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: 1}}}}}}}}}}\n---\nText.", "deeper than 10"),
        ("---\ntags: " + json.dumps(["x" * 3000]) + "\n---\nText.", None),
    ],
)
def test_a_bad_text_is_refused_with_its_reason_and_the_others_come_in(tmp_path, content, reason):
    if reason is None:
        post = read_one(tmp_path, content)
        assert post.head_revision.snapshot["payload"] == {"tags": ["x" * 3000]}
    else:
        assert reason in refusal_of(tmp_path, content)[1]


def test_a_refused_text_is_kept_as_a_record_and_repaired_in_the_admin(tmp_path, client, staff):
    client.force_login(staff)
    refusal_of(tmp_path, "---\ntitle: A\ndate: 2019-13-45\nweight: 3\n---\nText.", path="2020-01-02-bad.md")
    issue = ImportIssue.objects.get()
    record = json.loads(issue.raw)
    assert (record["source_id"], record["title"], record["body"]) == ("site:2020-01-02-bad.md", "A", "Text.")
    address = f"/admin/posts/importissue/{issue.pk}/change/"
    assert "2019-13-45" in client.get(address).content.decode()
    record["published_on"] = "2019-12-31"
    client.post(address, {"act": "repair", "text": json.dumps(record)})
    post = Post.objects.get(source_id="site:2020-01-02-bad.md")
    assert post.head_revision.snapshot["published_on"] == "2019-12-31"
    # From then on a row fixed by hand counts as a person's work.
    batch = import_markdown(tmp_path / "site")
    assert outcomes(batch) == {"unchanged": len(GOOD), "refused": 1}


# Again, and in other forms


def test_the_same_texts_again_change_nothing_not_with_other_white_space_and_not_as_an_archive(tmp_path):
    files = {**GOOD, "_posts/2021-03-04-plan.md": "---\ntitle: Plan\ntags: [a]\n---\n\nOne.\n\nTwo.\n"}
    assert outcomes(import_markdown(folder_of(tmp_path / "site", files))) == {"created": 5}
    revisions = Revision.objects.count()
    assert outcomes(import_markdown(tmp_path / "site")) == {"unchanged": 5}
    spaced = "\ufeff---\r\ntitle:   Plan  \r\ntags:  [ a ]\r\n---\r\n\r\n\r\nOne. \r\n\r\nTwo.\t\r\n\r\n"
    folder_of(tmp_path / "site", {"_posts/2021-03-04-plan.md": spaced})
    assert outcomes(import_markdown(tmp_path / "site")) == {"unchanged": 5}
    inside = {f"site/{path}": content for path, content in files.items()}
    assert outcomes(import_markdown(zip_of(tmp_path / "anything.zip", inside))) == {"unchanged": 5}
    assert outcomes(import_markdown(tar_of(tmp_path / "anything.tar.gz", inside))) == {"unchanged": 5}
    plain = {f"./{path}": content for path, content in files.items()}
    assert outcomes(import_markdown(tar_of(tmp_path / "site.tar", plain, mode="w"))) == {"unchanged": 5}
    assert Revision.objects.count() == revisions and Post.objects.count() == 5


def test_two_sites_with_the_same_paths_are_two_sites(tmp_path):
    for site in ("one", "two"):
        batch = import_markdown(folder_of(tmp_path / site, {"_posts/2021-01-01-hello.md": f"Hello from {site}."}))
        assert outcomes(batch) == {"created": 1}
    assert sorted(Post.objects.values_list("slug", flat=True))[0] == "hello"
    assert Post.objects.values("slug").distinct().count() == 2


def test_a_mapping_that_changed_is_a_change_though_the_file_did_not(tmp_path):
    folder = folder_of(tmp_path / "site", {"a.md": "---\nlevel: hard\nseo: {description: Short.}\nid: 77\n---\nText."})
    assert outcomes(import_markdown(folder)) == {"created": 1}
    mapping = "fields:\n  Level: difficulty\n  seo.description: summary\n"
    batch = import_markdown(folder, mapping=mapping)
    assert outcomes(batch) == {"updated": 1}
    record = Post.objects.get().head_revision.snapshot
    assert (record["difficulty"], record["summary"]) == ("hard", "Short.") and "level" not in record["payload"]
    assert outcomes(import_markdown(folder, mapping=mapping)) == {"unchanged": 1}
    by_id = {"b/c.md": "---\nid: 77\n---\nText.", "b/d.md": "---\nid: 78\n---\nText."}
    batch = import_markdown(folder_of(tmp_path / "moved", by_id), mapping="site: a\nfields: {id: id}")
    assert outcomes(batch) == {"created": 2}
    os.rename(tmp_path / "moved" / "b", tmp_path / "moved" / "e")
    assert outcomes(import_markdown(tmp_path / "moved", mapping="site: a\nfields: {id: id}")) == {"unchanged": 2}
    assert Post.objects.filter(source_id="a#77").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fields: {a: nonsense}", "can't be mapped to “nonsense”. It can be mapped to: title"),
        ("fields: {a: live_revision}", "can't be mapped to"),
        ("fields: a", "must be lines such as"),
        ("sight: x", "Unknown setting “sight”"),
        ("dates: sometimes", "must be day-first or month-first"),
        ("include: {a: b}", "must be a list"),
        ("- a", "list of settings"),
        ("a: [", "The mapping file is not valid YAML"),
        ("site: [a]", "one line of text"),
        ("x" * 70_000, "at most"),
        (BOMB, "more than 10,000 values"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused_with_what_to_fix(text, reason):
    with pytest.raises(MappingRefused) as refusal:
        Mapping.read(text)
    assert reason in str(refusal.value)


def test_a_mapping_survives_its_way_through_the_batch():
    mapping = Mapping.read('site: x\ninclude: "a/**"\nfields: {b: drop}')
    assert Mapping.from_dict(json.loads(json.dumps(mapping.to_dict()))) == mapping
    assert not Mapping.read("") and mapping.includes("a/b/c.md") and not mapping.includes("b.md")


def test_a_person_that_edited_meanwhile_gets_a_conflict_and_loses_nothing(tmp_path, editor):
    from posts.operations import record_revision

    folder = folder_of(tmp_path / "site", {"a.md": "---\ntitle: A\n---\nText."})
    import_markdown(folder)
    post = Post.objects.get()
    record_revision(
        post, post.working_record() | {"title": "Better"}, by=editor, expected_head_id=post.head_revision_id
    )
    folder_of(folder, {"a.md": "---\ntitle: A\n---\nOther text."})
    batch = import_markdown(folder)
    assert outcomes(batch) == {"conflict": 1} and json.loads(batch.issues.get().raw)["body"] == "Other text."
    assert Post.objects.get().title == "Better"


# Addresses of the old site


def test_an_old_address_leads_to_no_post_that_readers_may_not_see(tmp_path, client, reviewer, settings):
    files = {
        "a.md": "---\nurl: /blog/a/\n---\nA.",
        "b.md": "---\nurl: https://old.example.org/blog/b.html?x=1#y\ndraft: true\n---\nB.",
        "c.md": "---\nurl: /blog/%C3%BCber%20uns/\naliases: [/blog/a/, /, '', '../up', /admin/]\n---\nC.",
        "d.md": "---\nurl: /posts/d-of-old/\n---\nD.",
    }
    import_markdown(folder_of(tmp_path / "site", files))
    for address in ("/blog/a/", "/blog/a", "/blog/a/index.html", "//blog//a/"):
        answer = client.get(address) if not address.startswith("//") else client.get("/blog//a/")
        assert (answer.status_code, answer["Location"]) == (301, "/posts/a/")
        assert answer["Cache-Control"] == "public, max-age=0, must-revalidate"
    assert client.get("/blog/b.html").status_code == 404
    settings.DEBUG = True
    assert client.get("/blog/a/").status_code == 301
    settings.DEBUG = False
    assert client.get("/blog/über uns/")["Location"] == "/posts/uber-uns/"
    assert client.get("/posts/d-of-old/").status_code == 200
    assert client.post("/blog/a/").status_code == 404
    assert client.get("/admin/").status_code == 302 and client.get("/").status_code == 200
    assert FormerSlug.objects.get(slug="/blog/a").post.slug == "a"
    withdraw_post(Post.objects.get(slug="a"), by=reviewer, why="Wrong.")
    assert client.get("/blog/a/").status_code == 404


def test_addresses_are_built_from_the_pattern_that_the_mapping_names(tmp_path, client):
    mapping = "permalink: date"
    post = read_one(tmp_path, "---\ncategory: Big Jobs\n---\nText.", path="_posts/2021-03-04-plan.md", mapping=mapping)
    assert [former.slug for former in post.former_slugs.all()] == ["/big-jobs/2021/03/04/plan.html"]
    batch = import_markdown(
        folder_of(tmp_path / "other", {"content/notes/x.md": "---\ntitle: X\n---\nX."}),
        mapping="permalink: /:section/:title/:unknown",
    )
    assert not FormerSlug.objects.filter(post__first_batch=batch).exists()


# Archives


def link(name, target="/etc/passwd"):
    """Return the member of a zip that is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (0o120777) << 16
    return info, target


def tar_member(name, kind, *, target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def problems_of(batch):
    return {issue.label: issue.problems[0][1] for issue in batch.issues.exclude(kind="duplicate")}


def test_what_is_wrong_in_a_zip_is_refused_and_what_is_good_beside_it_comes_in(tmp_path):
    members = [
        *GOOD.items(),
        ("../up.md", "x"), ("/etc/abs.md", "x"), ("a/../../b.md", "x"), ("C:\\c.md", "x"), ("..\\d.md", "x"),
        link("link.md"), link("passwd"),
        ("bomb.md", b"\0" * 2_000_000), ("dense.md", b"x" * 900_000), ("inner.zip", b"PK\x03\x04"),
        ("plan.png", b"\x89PNG" + os.urandom(100)),
        ("good/1.md", "---\ntitle: Again\n---\nx"),
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zip_of(tmp_path / "site.zip", members)
    batch = import_markdown(path)
    assert outcomes(batch) == {"created": 4, "duplicate": 1, "skipped": 2, "refused": 9}
    problems = problems_of(batch)
    for name in ("../up.md", "/etc/abs.md", "a/../../b.md", "C:/c.md", "../d.md"):
        assert problems[name] == "has a name that leads out of the archive."
    assert problems["link.md"] == "is a link; links are not followed."
    assert "100 times its size" in problems["bomb.md"] and "100 times" in problems["dense.md"]
    assert "Import it separately" in problems["inner.zip"]
    assert "root:" not in "".join(Post.objects.values_list("body", flat=True))


def test_an_encrypted_a_damaged_and_a_strangely_packed_file_of_a_zip_are_refused(tmp_path):
    path = tmp_path / "site.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in GOOD.items():
            archive.writestr(name, content)
        archive.writestr("secret.md", "Secret words.")
        archive.writestr("damaged.md", "Whole words, and more of them.", zipfile.ZIP_STORED)
        archive.writestr("lzma.md", "Words.", zipfile.ZIP_LZMA)
    raw = bytearray(path.read_bytes())
    # The flag of encryption, in the list of files; and one byte of a text, so that its sum is wrong.
    at = raw.rindex(b"secret.md") - 46
    raw[at + 8] |= 1
    raw[raw.index(b"Whole words")] = ord("w")
    path.write_bytes(raw)
    batch = import_markdown(path)
    assert outcomes(batch) == {"created": 4, "refused": 3}
    problems = problems_of(batch)
    assert "Pack it without a password" in problems["secret.md"] and "is damaged" in problems["damaged.md"]
    assert "Use deflate" in problems["lzma.md"]


def test_what_is_wrong_in_a_tar_is_refused_and_what_is_good_beside_it_comes_in(tmp_path):
    long_name = "long/" + "n" * 300 + ".md"
    members = {
        **GOOD,
        "../up.md": "x",
        tar_member("link.md", tarfile.SYMTYPE): "",
        tar_member("hard.md", tarfile.LNKTYPE, target="good/1.md"): "",
        tar_member("pipe.md", tarfile.FIFOTYPE): "",
        tar_member("device.md", tarfile.CHRTYPE): "",
        tar_member("folder", tarfile.DIRTYPE): "",
        tar_member("link", tarfile.SYMTYPE): "",
        "large.md": b"\0" * 30_000_000,
        long_name: "A text with a long name.",
        "inner.tar.gz": "x",
    }
    batch = import_markdown(tar_of(tmp_path / "site.tar.gz", members))
    assert outcomes(batch) == {"created": 5, "skipped": 1, "refused": 7}
    problems = problems_of(batch)
    assert problems["link.md"] == problems["hard.md"] == "is a link; links are not followed."
    assert "is a pipe" in problems["pipe.md"] and "is a pipe" in problems["device.md"]
    assert "30,000,000 bytes" in problems["large.md"]
    source_id = Post.objects.get(body="A text with a long name.").source_id
    assert source_id.startswith("site:long/nnn") and len(source_id) <= 200
    gnu = tmp_path / "gnu.tar"
    with tarfile.open(gnu, "w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo(long_name)
        archive.addfile(info)
    assert problems_of(import_markdown(gnu)) == {long_name[5:]: "is empty. Enter a text, or remove the item."}


def refused_whole(path, reason):
    """Make sure that a source is refused as a whole, and nothing of it comes in."""
    with pytest.raises(SourceUnreadable, match=reason):
        import_markdown(path)
    assert not Post.objects.exists()


def test_an_archive_of_too_many_files_is_refused_before_it_is_read(tmp_path, monkeypatch):
    many = {f"{number}.md": "" for number in range(41)}
    monkeypatch.setattr(archives, "MAX_ENTRIES", 40)
    for path in (zip_of(tmp_path / "a.zip", many), tar_of(tmp_path / "a.tar.gz", many)):
        refused_whole(path, "more than 40 files")
    # One that says that it holds one.
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    at = raw.rindex(b"PK\x05\x06")
    raw[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    (tmp_path / "liar.zip").write_bytes(raw)
    refused_whole(tmp_path / "liar.zip", "more than 40 files")
    many.popitem()
    assert outcomes(import_markdown(zip_of(tmp_path / "b.zip", many))) == {"refused": 40}
    assert outcomes(import_markdown(tar_of(tmp_path / "b.tar.gz", many))) == {"refused": 40}


def test_an_archive_that_unpacks_to_too_much_is_refused_before_anything_comes_in(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED", 1_000_000)
    refused_whole(tar_of(tmp_path / "a.tar.gz", {**GOOD, "b.png": b"\0" * 1_000_000}), "unpacks to more than")
    texts = {**GOOD, **{f"{number}.md": os.urandom(300_000).hex() for number in range(2)}}
    with pytest.raises(SourceUnreadable, match="unpacks to more than"):
        import_markdown(zip_of(tmp_path / "a.zip", texts))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 and no end", "damaged zip"),
        (b"PK\x05\x06" + b"\xff" * 18, "more than 10,000 files"),
        (b"PK\x03\x04" + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, 50, 4_000_000, 0), "damaged zip"),
        (b"neither", "not a folder, a .zip, a .tar.gz or a Markdown file"),
        (b"", "not a folder"),
        (b"\x1f\x8bno gzip", "no gzip|damaged gzip|not a folder"),
    ],
)
def test_what_is_no_archive_is_refused_in_words(tmp_path, content, reason):
    path = tmp_path / "site.bin"
    path.write_bytes(content)
    refused_whole(path, reason)


def test_an_archive_that_is_broken_off_is_refused_whole(tmp_path):
    whole = (tmp_path / tar_of(tmp_path / "a.tar.gz", {**GOOD, "long.md": os.urandom(3000).hex()})).read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    refused_whole(tmp_path / "half.tar.gz", "Download it again")
    plain = (tmp_path / tar_of(tmp_path / "a.tar", GOOD, mode="w")).read_bytes()
    (tmp_path / "half.tar").write_bytes(plain[:1800])
    refused_whole(tmp_path / "half.tar", "Download it again")
    header = bytearray(plain)
    header[1024] ^= 1
    (tmp_path / "bad.tar").write_bytes(header)
    refused_whole(tmp_path / "bad.tar", "damaged tar archive")
    named = tarfile.TarInfo("x")
    named.type, named.size = tarfile.XHDTYPE, 10**9
    (tmp_path / "name.tar").write_bytes(named.tobuf())
    refused_whole(tmp_path / "name.tar", "a name takes 1,000,000,000 bytes")


# Folders


def test_links_pipes_loops_and_strange_names_of_a_folder_stop_nothing(tmp_path):
    root = folder_of(tmp_path / "site", {**GOOD, "a\nb.md": "Two lines in a name.", "100%.md": "Per cent."})
    os.symlink("/etc/passwd", os.path.join(root, "passwd.md"))
    os.symlink(root, os.path.join(root, "good", "loop"))
    os.mkfifo(os.path.join(root, "pipe.md"))
    with open(os.path.join(os.fsencode(root), b"\xff\xfe.md"), "w") as file:
        file.write("A name that is no UTF-8.")
    deep = os.path.join(root, *["d"] * 1500)
    batch = import_markdown(root)
    assert outcomes(batch) == {"created": 7, "skipped": 1, "refused": 2}
    problems = problems_of(batch)
    assert problems["passwd.md"] == "is a link; links are not followed." and "is a pipe" in problems["pipe.md"]
    identities = set(Post.objects.values_list("source_id", flat=True))
    assert {"site:a%0Ab.md", "site:100%25.md", "site:%FF%FE.md"} < identities
    assert not os.path.exists(deep) and outcomes(import_markdown(root))["unchanged"] == 7


def test_a_folder_that_nests_deeper_than_python_calls_is_walked(tmp_path):
    root = tmp_path / "site"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with os.fdopen(os.open("deep.md", os.O_WRONLY | os.O_CREAT, dir_fd=here), "w") as file:
        file.write("Deep.")
    os.close(here)
    assert outcomes(import_markdown(root)) == {"created": 1}
    assert len(Post.objects.get().source_id) <= 200


def test_one_file_is_a_source_too_and_standard_input_is_none(tmp_path):
    path = tmp_path / "2021-03-04-plan.md"
    path.write_text("---\ntitle: Plan\n---\nText.")
    assert outcomes(import_markdown(path)) == {"created": 1}
    assert Post.objects.get().head_revision.snapshot["published_on"] == "2021-03-04"
    with pytest.raises(SourceUnreadable, match="Name one instead"):
        import_source(Source("standard input", io.BytesIO(b"Text.")), format="markdown")
    with pytest.raises(CommandError, match="is a folder, and JSON Lines"):
        call_command("import_posts", str(tmp_path))


def test_a_stopped_run_goes_on_and_refuses_to_if_what_was_read_changed(tmp_path, monkeypatch):
    from posts.importing import pipeline

    monkeypatch.setitem(pipeline.CHUNK_ROWS, "sqlite", 2)
    monkeypatch.setitem(pipeline.CHUNK_ROWS, "postgresql", 2)
    folder = folder_of(tmp_path / "site", {f"{number}.md": f"Text {number}." for number in range(9)})

    class Stop(Exception):
        pass

    def stop(batch):
        if batch.checkpoint_line == 4:
            raise Stop

    with pytest.raises(Stop):
        import_markdown(folder, on_chunk=stop)
    with pytest.raises(pipeline.ResumeRefused, match="with another mapping"):
        import_markdown(folder, mapping="site: x")
    # As long as before: only its hash tells.
    folder_of(folder, {"1.md": "Text X."})
    with pytest.raises(pipeline.ResumeRefused, match="are different now"):
        import_markdown(folder)
    folder_of(folder, {"1.md": "Text 1."})
    batch = import_markdown(folder)
    assert outcomes(batch) == {"created": 9} and batch.attempts == 3 and batch.state == "finished"


# What is said of it


def test_a_report_accounts_for_every_file_by_type_status_and_reason(tmp_path, capsys):
    files = {
        **GOOD,
        "draft.md": "---\ndraft: true\n---\nText.",
        "page.md": "---\nlayout: page\n---\nText.",
        "bad.md": "---\na: [\n---\nText.",
        "_index.md": "",
        "plan.png": "x",
        "picture.md": "![](x.png)",
    }
    folder = folder_of(tmp_path / "site", files)
    with pytest.raises(CommandError, match="1 row"):
        call_command("import_posts", folder, format="markdown")
    said = capsys.readouterr().out
    for line in (
        "10 rows read: 7 created, 0 updated, 0 unchanged, 0 conflict, 0 duplicate, 2 skipped, 1 refused",
        "1 skipped: is not a Markdown file.",
        "1 skipped: is the page of a section (_index.md), not a post.",
        "1 refused: The front matter is not valid YAML",
        "5 × post, published: 5 created.",
        "1 × post, draft: 1 created.",
        "1 × page, published: 1 created.",
        "2 × other file: 2 skipped.",
        "1 × post, unread: 1 refused.",
        "1 × images with relative addresses stayed links",
    ):
        assert line in said, said
    batch = Post.objects.first().first_batch
    numbers = [sum(counts.values()) for counts in batch.breakdown["kinds"].values()]
    assert sum(numbers) == batch.rows == len(files) == batch.checkpoint_line


def test_a_rehearsal_prints_the_mapping_and_five_records_and_writes_nothing(tmp_path, capsys):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("site: https://old.example.org\nfields: {level: difficulty}\n")
    files = {f"{number}.md": f"---\nlevel: hard\nurl: /p/{number}/\n---\n{'Text. ' * 90}" for number in range(7)}
    call_command(
        "import_posts", folder_of(tmp_path / "site", files), format="markdown", mapping=str(mapping), dry_run=True
    )
    said = capsys.readouterr().out
    assert "mapping: site: https://old.example.org\n" in said and "mapping: difficulty ← level, difficulty\n" in said
    assert "mapping: payload ← every other key, with its type" in said
    assert said.count("sample: line") == 5 and "sample: line 1 (0.md) [/p/0]" in said and '"difficulty": "hard"' in said
    assert "Text.…" in said
    assert "Rehearsal, nothing was written: 7 rows read: 7 created" in said and not Post.objects.exists()
    mapping.write_text("fields: {level: nothing}\n")
    with pytest.raises(CommandError, match="can't be mapped to") as refusal:
        call_command("import_posts", str(tmp_path / "site"), format="markdown", mapping=str(mapping))
    assert refusal.value.returncode == 66
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_posts", str(tmp_path / "site"), format="markdown", mapping=str(tmp_path / "none"))


# What the documentation says


def test_the_reader_that_the_documentation_adds_works_as_it_stands_there(monkeypatch):
    text = (settings.BASE_DIR / "docs" / "importing.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    module = {}
    exec(code, module)  # noqa: S102 (our own page)
    monkeypatch.setitem(READERS, "csv", module["CsvReader"])
    table = 'id,title,text,state\n1,One,"Two\nlines",live\n2,Two,Text,draft\n3,Three,x,trash\n4,Four,x,live,more\n'
    assert module["CsvReader"].looks_like(table.encode())

    def run():
        return import_source(Source("table", io.BytesIO(table.encode())), format="csv")

    batch = run()
    assert outcomes(batch) == {"created": 2, "skipped": 1, "refused": 1}
    assert batch.skip_reasons == {"is in the trash": 1}
    assert batch.breakdown["kinds"]["post, live"] == {"created": 1, "refused": 1}
    assert Post.objects.get(slug="one").body == "Two\nlines" and Post.objects.get(slug="two").held
    assert outcomes(run()) == {"unchanged": 2, "skipped": 1, "refused": 1}


def test_the_documentation_names_every_target_and_limit_as_they_are():
    text = (settings.BASE_DIR / "docs" / "importing.md").read_text()
    mapping = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    assert Mapping.read(mapping).fields["seo.description"] == "summary"
    listed = text.partition("What a key can become:")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"`(\w+)`", listed)) == mapping_module.TARGETS
    for limit in (f"{archives.MAX_ENTRIES:,} files", f"{archives.MAX_UNPACKED >> 30} GB", "128 KiB", "10 levels"):
        assert limit in text
    assert (front_matter.MAX_BYTES, front_matter_yaml.MAX_DEPTH, MAX_RECORD_BYTES) == (128 << 10, 10, 1 << 20)


def test_a_head_without_fences_may_name_a_licence(tmp_path):
    import_markdown(
        folder_of(tmp_path, {"a.md": "Title: Working with it\nlicense: https://a.example/l\n\nWords here."})
    )
    record = Post.objects.get().head_revision.snapshot
    assert record["title"] == "Working with it" and record["body"] == "Words here."
