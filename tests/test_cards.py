"""The pictures of shared links, the site's icons, and how browsers load the pictures of an article."""

import re
import struct
import zlib

import pytest
from lxml import etree

from posts.models import Post
from posts.operations import change_slug, record_revision, withdraw_post
from posts.page_cache.policy import CachePolicy
from posts.rendering import placeholders
from posts.rendering.placeholders import placeholder_png, placeholder_svg
from posts.rendering.png import indexed_png
from tests.every_page import make_every_page
from tests.factories import approve, make_post, person

HOST = "https://images.unsplash.com/"


def read_png(data):
    """Return (width, height, rows of palette places, palette) of a PNG that indexed_png() made."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert data[at + 8 + length : at + 12 + length] == struct.pack(">I", zlib.crc32(kind + content))
        chunks[kind] = content
        at += 12 + length
    width, height, bits, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (bits, colours) == (4, 3) and b"IEND" in chunks
    raw, rows, above = zlib.decompress(chunks[b"IDAT"]), [], bytes(width // 2)
    for at in range(0, len(raw), width // 2 + 1):
        line = raw[at + 1 : at + width // 2 + 1]
        above = bytes((a + b) % 256 for a, b in zip(line, above, strict=True)) if raw[at] == 2 else line
        rows.append([place for byte in above for place in (byte >> 4, byte & 15)])
    return width, height, rows, [f"#{chunks[b'PLTE'][at : at + 3].hex()}" for at in range(0, len(chunks[b"PLTE"]), 3)]


def meta(html, key):
    tags = etree.HTML(html).iter("meta")
    return [tag.get("content") for tag in tags if key in (tag.get("property"), tag.get("name"))]


# The drawing


def test_a_png_has_exactly_the_pixels_that_were_painted():
    rows = [bytes([0, 1, 2, 3]), bytes([0, 1, 2, 3]), bytes([3, 3, 0, 0])]
    palette = ["#ffffff", "#000000", "#0000ff", "#12171b"]
    assert read_png(indexed_png(rows, palette)) == (4, 3, [list(row) for row in rows], palette)


@pytest.mark.parametrize("caption", ["A queue that drains", "数据库", "x" * 500, ""])
def test_the_picture_of_a_caption_is_the_drawing_that_pages_show(caption):
    width, height, rows, palette = read_png(placeholder_png(caption))
    assert (width, height) == (1200, 630)
    bars = re.findall(r'placeholder__ink" d="M(\d+) (\d+)h(\d+)v44', placeholder_svg(caption))
    assert len(bars) == 1
    left, top, length = map(int, bars[0])
    assert {palette[place] for row in rows[top : top + 44] for place in row[left : left + length]} == {placeholders.INK}
    assert palette[rows[0][0]] == placeholders.TINTS_LIGHT[placeholders.tint_of(caption)]
    assert placeholder_png(caption) == placeholder_png(caption)
    assert len(placeholder_png(caption)) < 4_000


def test_its_colours_are_those_of_the_style_sheet(settings):
    css = (settings.BASE_DIR / "static/css/site.css").read_text()
    light = dict(re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]+),", css))
    assert tuple(light[f"tint-{number}"] for number in range(placeholders.TINTS)) == placeholders.TINTS_LIGHT
    assert tuple(light[f"trace-{number}"] for number in range(placeholders.TINTS)) == placeholders.TRACES_LIGHT
    assert (light["paper"], light["ink"]) == (placeholders.PAPER, placeholders.INK)


# Shared links


@pytest.mark.django_db
def test_every_page_has_a_picture_that_networks_can_show(client, settings):
    checked = 0
    for name, (address, _) in make_every_page().items():
        response = client.get(address)
        # A preview link is for one person, not for a network.
        if response.status_code != 200 or name == "preview":
            continue
        html = response.content.decode()
        (picture,) = meta(html, "og:image")
        assert meta(html, "twitter:card") == ["summary_large_image"], name
        assert len(meta(html, "og:locale")) == len(meta(html, "og:image:alt")) == 1, name
        if picture.startswith(settings.SITE_URL):
            shown = client.get(picture.removeprefix(settings.SITE_URL))
            assert (shown.status_code, shown["Content-Type"]) == (200, "image/png"), name
            assert read_png(shown.content)[:2] == (1200, 630)
            sizes = meta(html, "og:image:width") + meta(html, "og:image:height") + meta(html, "og:image:type")
            assert sizes == ["1200", "630", "image/png"]
        checked += 1
    assert checked > 12


@pytest.mark.django_db
def test_a_picture_that_networks_cannot_show_gives_way_to_the_next_and_has_its_size(client, settings):
    pictures = [{"url": f"{HOST}a.svg"}, {"url": f"{HOST}b.jpg", "alt": "A chart", "width": 800, "height": 400}]
    html = client.get(make_post(image_sources=pictures).get_absolute_url()).content.decode()
    assert meta(html, "og:image") == [f"{HOST}b.jpg"] and meta(html, "og:image:alt") == ["A chart"]
    assert meta(html, "og:image:width") + meta(html, "og:image:height") == ["800", "400"]
    post = make_post(image_sources=pictures[:1])
    html = client.get(post.get_absolute_url()).content.decode()
    assert meta(html, "og:image") == [f"{settings.SITE_URL}/posts/{post.slug}.png"]


@pytest.mark.django_db
def test_the_picture_of_an_article_is_open_to_search_engines_exactly_if_its_page_is(client):
    posts = [make_post(), make_post(released=True), make_post(released=True, flagged=True)]
    posts.append(approve(make_post(), is_bulk=True))
    for post in posts:
        page, picture = client.get(post.get_absolute_url()), client.get(f"/posts/{post.slug}.png")
        assert picture.status_code == 200
        assert picture.get("X-Robots-Tag") == page.get("X-Robots-Tag")
        assert ("X-Robots-Tag" not in picture) is post.is_indexable


@pytest.mark.django_db
def test_the_picture_goes_where_its_article_goes(client):
    post = make_post(released=True, slug="here")
    change_slug(post, "there", by=person())
    moved = client.get("/posts/here.png")
    assert (moved.status_code, moved["Location"]) == (301, "/posts/there.png")
    withdraw_post(Post.objects.get(pk=post.pk), by=person())
    assert client.get("/posts/there.png").status_code == 410
    assert client.get("/posts/nothing.png").status_code == 404


@pytest.mark.django_db
def test_the_picture_is_kept_until_its_post_changes_and_a_site_that_is_closed_closes_its_own(client, settings):
    post = make_post(released=True, title="Before")
    first = client.get(f"/posts/{post.slug}.png")
    assert first["Cache-Control"] == "public, max-age=3600" and first["ETag"]
    assert isinstance(first.cache_policy, CachePolicy) and f"post:{post.pk}" in first.cache_policy.keys
    again = client.get(f"/posts/{post.slug}.png", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    record_revision(post, {**post.working_record(), "title": "After"}, by=person("Editors"))
    approve(Post.objects.get(pk=post.pk))
    assert client.get(f"/posts/{post.slug}.png").content == placeholder_png("After") != first.content
    assert "X-Robots-Tag" not in client.get("/card.png") and "X-Robots-Tag" not in client.get("/logo.png")
    settings.INDEXING = False
    assert client.get("/card.png")["X-Robots-Tag"] == client.get("/logo.png")["X-Robots-Tag"] == "noindex"


# Icons


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "start", "content_types"),
    [
        ("/favicon.ico", b"\x00\x00\x01\x00\x03\x00", {"image/x-icon", "image/vnd.microsoft.icon"}),
        ("/apple-touch-icon.png", b"\x89PNG", {"image/png"}),
    ],
)
def test_an_icon_is_at_the_address_that_programs_guess_with_the_headers_of_a_file(client, path, start, content_types):
    response = client.get(path)
    assert response.status_code == 200
    assert b"".join(response.streaming_content).startswith(start)
    assert response["Content-Type"] in content_types
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin" and response["X-Robots-Tag"] == "noindex"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert re.fullmatch("max-age=[0-9]+, public", response["Cache-Control"])
    response.close()


@pytest.mark.django_db
def test_a_page_names_its_icons_and_the_colour_of_the_browser_in_both_schemes(client, settings):
    head = etree.HTML(client.get("/").content.decode()).find("head")
    icons = {(link.get("rel"), link.get("href")) for link in head.iterfind("link") if "icon" in (link.get("rel") or "")}
    assert {("icon", "/favicon.ico"), ("icon", "/static/favicon.svg")} < icons
    assert ("apple-touch-icon", "/static/root/apple-touch-icon.png") in icons
    css = (settings.BASE_DIR / "static/css/site.css").read_text()
    light, dark = re.search(r"--paper: light-dark\((#\w+), (#\w+)\)", css).groups()
    themes = [(tag.get("media"), tag.get("content")) for tag in head.iterfind("meta[@name='theme-color']")]
    assert themes == [("(prefers-color-scheme: light)", light), ("(prefers-color-scheme: dark)", dark)]


# Pictures of an article


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "first"),
    [("Text.", "a.jpg"), ("![](image:3)\n\nText.\n\n![](image:2)", "c.jpg"), ("> ![](image:2)\n\nText.", "b.jpg")],
)
def test_the_first_picture_of_an_article_is_loaded_before_all_others(client, body, first):
    images = [{"url": f"{HOST}{name}.jpg"} for name in "abc"]
    drawn = [{"url": "https://placehold.co/9x9"}, {"url": "https://elsewhere.example/x.jpg"}]
    html = client.get(make_post(body=body, image_sources=images + drawn).get_absolute_url()).content.decode()
    pictures = etree.HTML(html).findall(".//figure//img")
    assert len(pictures) == 3 and pictures[0].get("src") == HOST + first
    assert [(picture.get("loading"), picture.get("fetchpriority")) for picture in pictures] == [
        ("eager", "high"),
        ("lazy", None),
        ("lazy", None),
    ]


@pytest.mark.django_db
def test_a_picture_after_one_that_is_drawn_here_is_the_first_that_is_loaded(client):
    images = [{"url": "https://placehold.co/9x9"}, {"url": "https://elsewhere.example/x.jpg"}, {"url": f"{HOST}a.jpg"}]
    html = client.get(make_post(image_sources=images).get_absolute_url()).content.decode()
    assert [picture.get("loading") for picture in etree.HTML(html).findall(".//figure//img")] == ["eager"]
