"""WordPress exports: what comes in, as what, and what never does."""

import gzip
import io
import json
from html import escape

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from posts.importing.mapping import Mapping
from posts.importing.pipeline import import_posts
from posts.importing.readers.wxr import WxrReader
from posts.importing.readers.xml_repairs import XmlRepairs
from posts.importing.repair import repair_row
from posts.importing.sources import SourceUnreadable
from posts.importing.uploads import check_content
from posts.models import FormerSlug, ImportBatch, ImportIssue, Post, Revision
from posts.models.import_batch import COUNTS
from posts.rendering.markdown import render_text
from tests.factories import person

# What a reader makes of a file is decided before a database has it.
pytestmark = [pytest.mark.django_db, pytest.mark.once]

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wfw="http://wellformedweb.org/CommentAPI/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
  <title>A workshop</title>
  <link>https://blog.example</link>
  <language>en-GB</language>
  <wp:wxr_version>1.2</wp:wxr_version>
  <wp:base_site_url>https://network.example/</wp:base_site_url>
  <wp:base_blog_url>https://blog.example</wp:base_blog_url>
  <wp:author><wp:author_id>1</wp:author_id><wp:author_login>ada@mail.example</wp:author_login>
    <wp:author_email>ada@mail.example</wp:author_email>
    <wp:author_display_name><![CDATA[Ada Byron]]></wp:author_display_name></wp:author>
"""
FOOT = "</channel>\n</rss>\n"
DEFAULTS = {"post_id": "7", "post_type": "post", "status": "publish", "post_name": "a-post",
            "post_date": "2019-05-04 23:30:00"}  # fmt: skip


def item(title="A post", content="<p>Words</p>", *, more="", excerpt="", meta=(), link=None, **fields):
    """Return one <item>; fields are WordPress's own, meta are pairs, `more` is XML."""
    fields = DEFAULTS | fields
    link = f"https://blog.example/2019/05/{fields['post_name']}/" if link is None else link
    parts = [
        f"<title>{escape(title)}</title>",
        f"<link>{escape(link)}</link>",
        f"<content:encoded><![CDATA[{content}]]></content:encoded>",
        f"<excerpt:encoded><![CDATA[{excerpt}]]></excerpt:encoded>",
    ]
    parts += [f"<wp:{name}><![CDATA[{value}]]></wp:{name}>" for name, value in fields.items() if value is not None]
    parts += [
        f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>"
        for key, value in meta
    ]
    return "<item>\n  " + "\n  ".join([*parts, more]) + "\n</item>\n"


def export(*items, head=HEAD):
    return (head + "".join(items) + FOOT).encode()


def bring_in(*items, head=HEAD, **options):
    return import_posts(io.BytesIO(export(*items, head=head)), name="site.xml", format="wxr", **options)


def counts(batch):
    return {count: getattr(batch, count) for count in COUNTS if getattr(batch, count)}


def only_record(*items, **options):
    batch = bring_in(*items, **options)
    assert batch.created == 1, counts(batch)
    return Post.objects.get(first_batch=batch).working_record()


def picture(number, name, **fields):
    url = f"https://blog.example/wp-content/uploads/{name}"
    return item(name, "", post_id=str(number), post_type="attachment", status="inherit", attachment_url=url, **fields)


def test_a_post_comes_in_with_all_that_was_said_of_it():
    record = only_record(
        item(
            "Café &amp; <em>Co</em>",
            "<!-- wp:paragraph --><p>One <strong>two</strong>.</p><!-- /wp:paragraph -->",
            excerpt="A <b>short</b> text",
            more="<dc:creator>ada@mail.example</dc:creator>"
            '<category domain="category" nicename="php"><![CDATA[PHP & friends]]></category>'
            '<category domain="category" nicename="x"><![CDATA[Queues]]></category>'
            '<category domain="post_tag" nicename="y"><![CDATA[retries]]></category>'
            '<category domain="level" nicename="z"><![CDATA[Hard]]></category>',
            meta=[
                ("_yoast_wpseo_metadesc", "Another text"),
                ("sizes", 'a:1:{s:5:"large";a:2:{i:0;i:1024;i:1;d:0.5;}}'),
                ("colour", "red"),
                ("colour", "blue"),
                ("post_views_count", "394"),
                ("_edit_lock", "1557000000:1"),
            ],
        )
    )
    payload = record.pop("payload")
    assert Post.objects.get().slug == "a-post"
    assert record == {
        "source_id": "wordpress:blog.example:7",
        "title": "Café & Co",
        "body": "One **two**.",
        "topic": "PHP & friends",
        "summary": "A short text",
        "view_count": 394,
        "published_on": "2019-05-04",
        "authors": ["Ada Byron"],
        "tags": ["Queues", "retries"],
        "language": "en-GB",
    }
    assert payload == {
        "post_name": "a-post",
        "link": "https://blog.example/2019/05/a-post/",
        "level": ["Hard"],
        "_yoast_wpseo_metadesc": "Another text",
        "sizes": {"large": [1024, 0.5]},
        "colour": ["red", "blue"],
    }


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "public"),
        ({"post_type": "page"}, "public"),
        ({"status": "draft"}, "held"),
        ({"status": "pending"}, "held"),
        ({"status": "private"}, "held"),
        ({"status": "future", "post_date": "2031-01-01 00:00:00"}, "held"),
        ({"status": "of-a-plugin"}, "held"),
        ({"post_password": "hunter2"}, "held"),
        ({"status": "trash"}, "in WordPress's trash"),
        ({"status": "auto-draft"}, "an automatic draft, never saved by a person"),
        ({"post_type": "revision", "status": "inherit"}, "a former revision"),
        ({"post_type": "nav_menu_item"}, "an entry of a menu"),
        ({"post_type": "attachment", "status": "inherit"}, "an attachment; posts name it among their images"),
        ({"post_type": "product"}, "of the type “product”; posts and pages are imported"),
        ({"content": ""}, "empty: neither words nor images"),
    ],
)
def test_only_what_was_public_is_public_and_all_else_is_held_or_passed_over_by_reason(client, fields, outcome):
    batch = bring_in(item(**fields))
    post = Post.objects.first()
    kind = f"{fields.get('post_type', 'post')}, {fields.get('status', 'publish')}"
    kind += ", password" if "post_password" in fields else ""
    if outcome in ("public", "held"):
        assert counts(batch) == {"created": 1}
        assert post.held is (outcome == "held")
        assert not post.live_revision_id and post.head_revision.status == Revision.Status.DRAFTED
        assert client.get("/posts/a-post/").status_code == (200 if outcome == "public" else 404)
        assert "hunter2" not in json.dumps(post.working_record())
    else:
        assert post is None
        assert counts(batch) == {"skipped": 1} and batch.skip_reasons == {outcome: 1}
    assert list(batch.breakdown["kinds"]) == [kind]


def test_comments_mail_addresses_and_passwords_reach_no_table():
    comment = (
        "<wp:comment><wp:comment_id>3</wp:comment_id><wp:comment_author><![CDATA[Bob Visitor]]></wp:comment_author>"
        "<wp:comment_author_email>bob@visitor.example</wp:comment_author_email>"
        "<wp:comment_author_IP>203.0.113.9</wp:comment_author_IP>"
        "<wp:comment_content><![CDATA[What a visitor wrote]]></wp:comment_content>"
        "<wp:commentmeta><wp:meta_key>k</wp:meta_key><wp:meta_value>visitors meta</wp:meta_value></wp:commentmeta>"
        "</wp:comment>"
    )
    batch = bring_in(
        item(more=comment * 2 + "<dc:creator>ada@mail.example</dc:creator>", post_password="hunter2"),
        item(post_id="8", post_name="b", more="<dc:creator>someone@mail.example</dc:creator>", title="x" * 400),
        item(post_id="9", post_type="attachment", status="inherit", more=comment),
    )
    assert batch.breakdown["left_out"] == {"comments": 3}
    assert counts(batch) == {"created": 2, "skipped": 1}
    stored = _everything_stored()
    assert "Ada Byron" in stored
    for secret in ("mail.example", "visitor", "Visitor", "203.0.113", "hunter2"):
        assert secret not in stored


def _everything_stored():
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            parts += [repr(row) for row in cursor.fetchall()]
    return "\n".join(parts)


def test_a_second_import_changes_nothing_also_of_a_file_with_other_white_space():
    items = [
        item(content="<p>One</p>\n<p>Two <b>three</b></p>"),
        item(post_id="8", post_name="b", content="first\n\nsecond\nthird", meta=[("k", "v")]),
        item("Gone", post_id="7", post_name="c"),
    ]
    assert counts(bring_in(*items)) == {"created": 2, "duplicate": 1}
    assert counts(bring_in(*items)) == {"unchanged": 2, "duplicate": 1}
    spaced = export(*items).decode().replace("<p>Two", "\n\n<p>  Two").replace("\n  <wp:", "\n\n\t<wp:")
    spaced = spaced.replace("<![CDATA[publish]]>", "publish").replace("http://wordpress.org", "https://wordpress.org")
    batch = import_posts(io.BytesIO(spaced.encode()), name="other.xml", format="wxr")
    assert counts(batch) == {"unchanged": 2, "duplicate": 1}
    assert Revision.objects.count() == 2


def test_a_changed_text_becomes_a_proposed_one_and_https_is_no_other_site():
    bring_in(item())
    head = HEAD.replace("https://blog.example", "http://www.blog.example/")
    assert counts(bring_in(item(content="<p>Other words</p>"), head=head)) == {"updated": 1}
    assert Post.objects.get().body == "Other words"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (export(item(), "<item><title>a < b</title></item>"), "not well-formed XML: invalid token, line 28, column 16"),
        (export(item(), "<item>"), "not well-formed XML: mismatched tag, line 28, column 8"),
        (export(item())[:-30], "not well-formed XML: no element found"),
        (export(item()) + b"<rss/>", "not well-formed XML: junk after document element"),
        (export(item(), "<x:y/>"), "not well-formed XML: unbound prefix"),
        (export(item()).replace(b"UTF-8", b"UTF-16"), "encoding specified in XML declaration is incorrect"),
        (export(item()).replace(b"UTF-8", b"EBCDIC-9"), "unknown encoding"),
        (export(item()).replace(b"UTF-8", b"Shift_JIS"), "can't be read"),
        (export(item("\xff")).decode().encode("latin-1"), "not well-formed XML: invalid token"),
        (b"", "no element found"),
        (b"<feed/>", "not a WordPress export: it begins with <feed>"),
        (b"<rss><channel><item><title>t</title></item></channel></rss>", "not an export: it has no WordPress elements"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]>' + export(item()).partition(b"?>")[2], "has a DOCTYPE"),
        (b'<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>', "has a DOCTYPE"),
        (b'<!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss>&b;</rss>', "has a DOCTYPE"),
        (export(item(), "<a>" * 200_000), "nests deeper than 30 levels"),
        (export(item(), "<!--" + "x" * 9_000_000 + "-->"), "a tag or comment of more than 4 MB"),
        (export(item(), "<y a='" + "x" * 9_000_000 + "'/>"), "a tag or comment of more than 4 MB"),
        (export(head=HEAD.replace("en-GB", "x" * 3_000_000)), "has a head of more than 2 MB"),
    ],
)
def test_a_file_that_is_no_whole_export_brings_nothing_in_and_says_where_it_breaks(broken, said):
    with pytest.raises(SourceUnreadable) as refusal:
        import_posts(io.BytesIO(broken), name="site.xml", format="wxr")
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("site.xml ")
    assert not Post.objects.exists() and not ImportIssue.objects.exists()
    batch = ImportBatch.objects.get()
    assert batch.rows == 0 and batch.state == "stopped" and said in batch.message


FORBIDDEN = {
    "a control character in CDATA": ("<![CDATA[One\x0b two]]>", "One two", 1, False),
    "NUL, escape and bell": ("<![CDATA[\x00One\x1b \x07two\x01]]>", "One two", 4, False),
    "a control character outside of CDATA": ("One\x08 two", "One two", 1, False),
    "a noncharacter": ("<![CDATA[One\uffff two\ufffe]]>", "One two", 2, False),
    "the number of a control character": ("One&#x0B; two&#11;&#0;", "One two", 3, False),
    "the number of half a surrogate pair": ("One&#xD83D; two&#56832;", "One two", 2, False),
    "a number that XML allows": ("One&#32;two&#x21;&#X21;", "One two!!", 0, False),
    "a name of HTML": ("One&nbsp;two &eacute;&hellip;", "One\xa0two é…", 0, True),
    "a name of nobody": ("One &two; three", "One &two; three", 0, True),
    "a bare sign": ("One & two &, ?a=1&b=2", "One & two &, ?a=1&b=2", 0, True),
    "a sign that looks like the end of CDATA": ("One ]]&gt; two", "One ]]> two", 0, False),
    "the end of CDATA outside of it": ("One ]]> two", "One ]]> two", 0, True),
    "what is text in CDATA": ("<![CDATA[One &nbsp; &amp;amp; &#11; & two]]>", "One \xa0 &amp; & two", 0, False),
    "an end of CDATA inside": ("<![CDATA[One ]]]]><![CDATA[> & two]]>", "One ]]> & two", 0, False),
}


@pytest.mark.parametrize("size", [1, 7, 256 * 1024], ids=["byte by byte", "seven bytes at a time", "at once"])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_xml_forbids_is_left_out_or_comes_in_as_text_and_is_counted(name, size, monkeypatch):
    monkeypatch.setattr("posts.importing.readers.wxr.READ_BYTES", size)
    title, meant, removed, is_replaced = FORBIDDEN[name]
    other = item("Other", post_id="8", post_name="other")
    batch = bring_in(item("TITLE").replace("TITLE", title), other)
    assert counts(batch) == {"created": 2}
    assert Post.objects.get(source_id__endswith=":7").title == meant
    assert batch.breakdown["left_out"].get("characters that XML forbids", 0) == removed
    warnings = batch.breakdown["warnings"]
    assert is_replaced == any("a bare “&”" in warning for warning in warnings), warnings
    assert all(count == 1 for count in warnings.values())


def test_a_file_with_forbidden_characters_everywhere_keeps_its_words_and_lines_and_changes_nothing_again():
    broken = export(
        item("One & two", "<p>Be\x0bfore</p>\n<p>Fish &amp; chips</p>", meta=[("k", "a\x02b & c")]),
        "<!-- a \x01 comment & more -->\n",
        item("Three", "<pre>a &amp;&amp; b\x1f</pre>", post_id="8", post_name="b", more="<x a='1&2'/>"),
    ).replace(b"One &amp; two", b"One & two")
    batch = import_posts(io.BytesIO(b"\n\n" + broken), name="site.xml", format="wxr")
    assert counts(batch) == {"created": 2}
    assert batch.breakdown["left_out"] == {"characters that XML forbids": 4}
    first, second = Post.objects.order_by("source_id")
    assert (first.title, first.body) == ("One & two", "Before\n\nFish & chips")
    assert first.payload["k"] == "ab & c"
    assert second.body == "```\na && b\n```"
    again = import_posts(io.BytesIO(b"\n\n" + broken), name="site.xml", format="wxr")
    assert counts(again) == {"unchanged": 2}
    broken = b"\n\n" + broken.replace(b"</rss>", b"</rs>")
    with pytest.raises(SourceUnreadable, match=rf"mismatched tag, line {broken.count(10):,}, column"):
        import_posts(io.BytesIO(broken), name="site.xml", format="wxr")


@pytest.mark.parametrize(
    "before", ["\n\n", "\ufeff\n", "<br />\n<b>Warning</b>: Undefined index in /srv/a.php on line <b>3</b><br />\n"]
)
def test_what_stands_before_the_declaration_is_passed_over_and_lines_stay_right(before):
    broken = export("<item><title>a < b</title></item>")
    batch = import_posts(io.BytesIO(before.encode() + export(item())), name="site.xml", format="wxr")
    assert counts(batch) == {"created": 1}
    line = before.count("\n") + broken.decode().split("\n").index("<item><title>a < b</title></item>" + FOOT[:10]) + 1
    with pytest.raises(SourceUnreadable, match=f"invalid token, line {line}, column 16"):
        import_posts(io.BytesIO(before.encode() + broken), name="site.xml", format="wxr")


@pytest.mark.parametrize("size", range(1, 200, 7))
def test_what_xml_allows_goes_through_unchanged_in_pieces_of_any_size(size):
    data = export(
        item("Ü & 한 🙂 ]] >", "<p>]] ]]]]><![CDATA[> &nbsp; 한</p>"), "<!-- a --> &#233; &amp;amp; <x a='&lt;'/>"
    )
    repairs = XmlRepairs()
    pieces = [repairs.feed(data[at : at + size]) for at in range(0, len(data), size)]
    assert b"".join([*pieces, repairs.feed(b"", is_last=True)]) == data
    assert repairs.taken(len(data)) == (0, 0)


@pytest.mark.parametrize("sign", [b"&", b"]", b"<", b"\x80", b"<![CDATA[", b"\x01", b"]]>", b"&#1;"])
def test_a_sign_that_comes_for_ever_is_not_held_back(sign):
    repairs = XmlRepairs()
    repairs.feed(b"<?xml version='1.0'?>")
    for _ in range(5):
        repairs.feed(sign * 20_000)
    assert len(repairs._rest) < 500


def test_bytes_that_are_letters_in_another_encoding_stay():
    head = HEAD.replace("UTF-8", "windows-1252")
    data = export(item("ï¿¾ í\xa0¿ & \x0bü", "Words"), head=head).decode().encode("cp1252").replace(b"&amp;", b"&")
    import_posts(io.BytesIO(data), name="site.xml", format="wxr")
    assert Post.objects.get().title == "ï¿¾ í\xa0¿ & ü"


def test_an_item_beyond_all_measure_is_refused_and_the_rows_beside_it_come_in():
    giant = item("Giant", "x" * 20_000_000, post_id="8", status="draft")
    long = item("Long", "word " * 250_000, post_id="9", post_name="long")
    many = item("Many", post_id="10", post_name="many", meta=[("k", "v")] * 30_000)
    deep = item("Deep", "<div>" * 50_000 + "deep", post_id="11", post_name="deep")
    batch = bring_in(item(), giant, long, many, deep, item(post_id="12", post_name="z"))
    assert counts(batch) == {"created": 3, "refused": 3}
    assert {issue.label for issue in batch.issues.all()} == {"post 8", "post 9", "post 10"}
    assert all("at most" in issue.problems[0][1] and issue.is_cut for issue in batch.issues.all())
    assert batch.issues.order_by("line")[0].line == export(item()).decode().count("\n") - 1


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.9"])
def test_every_version_of_the_format_is_read(version):
    head = HEAD.replace("export/1.2/", f"export/{version}/").replace(">1.2<", f">{version}<")
    old_terms = (
        '<category><![CDATA[Old]]></category><category domain="category" nicename="old"><![CDATA[Old]]></category>'
    )
    new = '<category domain="post_tag" nicename="n"><![CDATA[new]]></category>'
    tags = '<category domain="tag" nicename="n"><![CDATA[new]]></category>' if version == "1.0" else new
    record = only_record(item(more=old_terms + tags, excerpt="Short"), head=head)
    assert (record["topic"], record["tags"], record["summary"]) == ("Old", ["new"], "Short")


def test_prefixes_may_be_any_and_an_encoding_other_than_utf8():
    text = (
        export(item("Größe"))
        .decode()
        .replace("wp:", "press:")
        .replace(":wp=", ":press=")
        .replace("UTF-8", "ISO-8859-1")
    )
    assert import_posts(io.BytesIO(text.encode("latin-1")), name="x", format="wxr").created == 1
    text = export(item("Größe", post_id="8", post_name="b")).decode().replace("UTF-8", "UTF-16")
    assert import_posts(io.BytesIO(text.encode("utf-16")), name="x", format="wxr").created == 1
    assert {post.title for post in Post.objects.all()} == {"Größe"}


def test_pictures_come_from_the_text_the_gallery_and_the_attachments_of_a_post():
    alt = [("_wp_attachment_image_alt", "Seen from above")]
    record = only_record(
        item(
            "Pictures",
            '<p>First</p>[caption id="attachment_21" width="300"]<a href="x"><img class="wp-image-21" '
            'src="/wp-content/uploads/valve-300x200.jpg" width="300" height="200" /></a> The <i>valve</i>[/caption]'
            '\n<img src="https://other.example/pump.png" alt="A pump">\n\n[gallery ids="22"]',
            meta=[("_thumbnail_id", "23")],
        ),
        picture(21, "valve.jpg", meta=alt, post_parent="7"),
        picture(22, "tank.webp", excerpt="A tank", post_parent="7"),
        picture(23, "hall.jpg", meta=[("_wp_attachment_image_alt", "The hall")]),
        picture(24, "plan.pdf", post_parent="7"),
        item("", "", post_id="26", post_type="attachment", attachment_url="http://[x", post_parent="7"),
        picture(25, "elsewhere.jpg", post_parent="99"),
    )
    assert record["body"] == ('![](image:3)\n\nFirst\n\n![](image:1)\n\n![](image:2)\n\n[gallery ids="22"]')
    shown = [
        (image["url"].rpartition("/")[2], image.get("alt"), image.get("caption")) for image in record["image_sources"]
    ]
    assert shown == [
        ("valve-300x200.jpg", "Seen from above", "The valve"),
        ("pump.png", "A pump", None),
        ("hall.jpg", "The hall", None),
        ("tank.webp", "tank.webp", "A tank"),
    ]
    assert [entry.get("title") for entry in record["payload"]["attachments"]] == ["plan.pdf", None]
    page = str(render_text(record).html)
    assert page.count("<figure") == 4 and "Image 5" not in page


def test_text_of_both_editors_keeps_its_words_and_nothing_in_it_is_run():
    record = only_record(
        item(
            "Text",
            'one\ntwo\n\n[my_form id=3 title="Say it"] {{ settings.SECRET_KEY }} {% now %} '
            "<?php phpinfo(); ?> [[note]]\n\n"
            '[code language="php"]\nif ($a < 1 && $b) {\n  echo "<b>";\n}\n[/code]\n<!--more-->\n# no heading',
        )
    )
    assert record["body"] == (
        'one\\\ntwo\n\n[my_form id=3 title="Say it"] {{ settings.SECRET_KEY }} {% now %} \\[[note]\\]\n\n'
        '```php\nif ($a < 1 && $b) {\n  echo "<b>";\n}\n```\n\n\\# no heading'
    )


def test_words_of_a_reusable_block_are_in_the_post_that_shows_it():
    batch = bring_in(
        item(content='<!-- wp:paragraph --><p>Own</p><!-- /wp:paragraph -->\n<!-- wp:block {"ref":31} /-->'),
        item("Block", "<!-- wp:paragraph --><p>Shared</p><!-- /wp:paragraph -->", post_id="31", post_type="wp_block"),
    )
    assert counts(batch) == {"created": 1, "skipped": 1}
    assert Post.objects.get().body == "Own\n\nShared"


def test_values_of_php_that_are_no_data_stay_text_with_a_warning():
    values = ['O:8:"stdClass":0:{}', 's:99:"moved to a longer name";', "a:1:{i:0;R:1;}"]
    batch = bring_in(item(meta=[(f"k{number}", value) for number, value in enumerate(values)]))
    assert list(Post.objects.get().payload.values())[-3:] == values
    assert sum(batch.breakdown["warnings"].values()) == 3
    assert any("it contains an object" in warning for warning in batch.breakdown["warnings"])


def test_addresses_of_the_old_site_lead_to_the_post(client):
    bring_in(
        item(meta=[("_wp_old_slug", "first-name"), ("_wp_old_slug", "second")]),
        item("Secret", post_id="8", post_name="secret", status="private"),
        item("Ünïcode", post_id="9", post_name="%e3%83%86%e3%82%b9%e3%83%88", link="https://blog.example/?p=9"),
        item("Typed", post_id="11", post_name="typed", link="http://[typed/x", content='<a href="http://[x">y</a>'),
        item("Elsewhere", post_id="10", post_name="", link="https://elsewhere.example/2001/x/"),
    )
    for address in (
        "/2019/05/a-post/",
        "/2019/05/a-post",
        "/2019/05/first-name/",
        "/posts/first-name/",
        "/2019/05/second/",
    ):
        response = client.get(address)
        assert (response.status_code, response.headers.get("Location")) == (301, "/posts/a-post/"), address
    # It is held: nothing tells that it exists.
    assert client.get("/2019/05/secret/").status_code == 404
    assert set(Post.objects.values_list("slug", flat=True)) == {"a-post", "secret", "tesuto", "typed", "elsewhere"}
    assert not FormerSlug.objects.filter(slug__contains="2001").exists()


def test_a_post_without_title_number_or_date_is_still_told_apart():
    record = only_record(
        item("", "<p>The first words of a text that goes on and on, far beyond what a title takes</p>", post_id=None,
             post_name="", post_date="0000-00-00 00:00:00", link="https://blog.example/?p=1")
    )  # fmt: skip
    assert record["title"] == "The first words of a text that goes on and on, far…"
    assert record["source_id"].startswith("wordpress:blog.example:x-")
    assert "published_on" not in record
    record = only_record(item("Long " * 100, post_id="8", post_name="long"))
    assert len(record["title"]) <= 300 and record["payload"]["title"] == ("Long " * 100).strip()


def test_a_mapping_file_says_which_types_come_in_and_what_keys_become():
    mapping = Mapping.read(
        "site: https://moved.example/\ninclude: [recipe]\nfields:\n  level: difficulty\n  hero: image\n  sku: id\n"
    )
    meta = [("level", "hard"), ("hero", "/big.jpg"), ("sku", "A-1")]
    batch = bring_in(item(), item("Soup", post_id="8", post_type="recipe", meta=meta), mapping=mapping)
    assert counts(batch) == {"created": 1, "skipped": 1}
    record = Post.objects.get().working_record()
    assert (record["source_id"], record["difficulty"]) == ("wordpress:moved.example:A-1", "hard")
    assert record["image_sources"][0]["url"] == "https://moved.example/big.jpg"


def test_a_refused_draft_that_is_repaired_stays_held():
    by = person("Staff")
    mapping = Mapping.from_dict({"fields": {"written": "published_on"}})
    batch = bring_in(item("Draft", status="draft", meta=[("written", "last spring")]), mapping=mapping)
    issue = batch.issues.get()
    assert issue.problems[0][0] == "/written"
    mended = json.loads(issue.raw) | {"published_on": "2019-03-01"}
    assert repair_row(issue, json.dumps(mended), by=by) == "created"
    assert Post.objects.get().held is True


def test_by_command_a_packed_export_is_rehearsed_and_brought_in(tmp_path, capsys):
    path = tmp_path / "site.xml.gz"
    comment = "<wp:comment><wp:comment_id>1</wp:comment_id></wp:comment>"
    path.write_bytes(gzip.compress(export(item(more=comment), item("Menu", post_id="8", post_type="nav_menu_item"))))
    call_command("import_posts", str(path), format="wxr", dry_run=True)
    said = capsys.readouterr().out
    assert "2 rows read: 1 created" in said and "mapping: slug ← postname" in said and '"title": "A post"' in said
    assert not Post.objects.exists()
    call_command("import_posts", str(path), format="wxr")
    said = capsys.readouterr().out
    assert "1 skipped: an entry of a menu." in said
    assert "1 × post, publish: 1 created." in said
    assert "1 comments not imported; nothing of them is stored." in said
    assert check_content(path) == "wxr"
    path.write_bytes(export(item())[:-9])
    with pytest.raises(CommandError, match="not well-formed XML") as refusal:
        call_command("import_posts", str(path), format="wxr")
    assert refusal.value.returncode == 66


def test_a_stopped_import_goes_on_and_ends_as_an_undisturbed_one(tmp_path, monkeypatch):
    path = tmp_path / "site.xml"
    path.write_bytes(export(*(item(post_id=str(number), post_name=f"p{number}") for number in range(1, 8))))
    monkeypatch.setattr("posts.importing.pipeline.CHUNK_ROWS", {"sqlite": 3, "postgresql": 3})

    def stop(batch):
        raise KeyboardInterrupt

    from posts.importing.pipeline import import_source
    from posts.importing.sources import open_source

    with open_source(path) as source, pytest.raises(KeyboardInterrupt):
        import_source(source, format="wxr", on_chunk=stop)
    assert Post.objects.count() == 3
    with open_source(path) as source:
        batch = import_source(source, format="wxr")
    assert counts(batch) == {"created": 7} and batch.attempts == 2 and batch.bytes_read == path.stat().st_size


@pytest.mark.parametrize(
    ("head", "looks"),
    [
        (export(item())[:400], True), (b"\xef\xbb\xbf  <rss>", True), (export().decode().encode("utf-16"), True),
        (b"<html>", False), (b'{"source_id": "<rss"}', False), (b"---\ntitle: <rss>\n---\n", False), (b"", False),
    ],
)  # fmt: skip
def test_an_export_is_known_by_how_it_begins(head, looks):
    assert WxrReader.looks_like(head) is looks


def test_an_item_that_nothing_identifies_is_refused_as_an_item():
    batch = bring_in(item(post_id=None, post_name=None, link=""))
    (issue,) = batch.issues.all()
    assert issue.problems[0][0] == "" and issue.problems[0][1].startswith("The item has no wp:post_id")
    assert list(batch.breakdown["refusals"]) == [issue.problems[0][1]]
