"""Uploaded pictures: who may bring one, what is refused, what is left of a file, how it is served and how long."""

import datetime
import html
import io
import random
import re
import struct
import zipfile
import zlib

import pytest
from django.conf import settings as site_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image, ImageCms, PngImagePlugin

from posts.models import UploadedPicture
from posts.operations import NotAllowed, Refused
from posts.operations.pictures import forget_unused_pictures, look_at_address, upload_picture
from posts.operations.unsaved_texts import keep_unsaved_text
from posts.outgoing import Answer, OutgoingFailed
from posts.pictures.reencode import LONGEST_SIDE, MAX_BYTES, reencode
from posts.rendering.images import is_allowed_image_url, own_picture, uploaded_picture_address
from tests.factories import edit, import_records, make_post, person

pytestmark = pytest.mark.django_db
FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF"]
GPS = "51.5007N"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def by(db):
    return person("Editors")


@pytest.fixture
def desk(by):
    client = Client()
    client.force_login(by)
    return client


def picture(kind="PNG", size=(60, 40), mode="RGB", frames=1, **options):
    """Return the bytes of a picture with some detail in it."""
    made = [Image.new(mode, size, (200, 30 * number % 256, 40)[: len(mode)]) for number in range(frames)]
    if frames > 1:
        options |= {"save_all": True, "append_images": made[1:], "duration": 80}
    written = io.BytesIO()
    made[0].save(written, kind, **options)
    return written.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width, height):
    """Return a PNG of a few kilobytes that claims to have width × height pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def growing():
    """Return a GIF of one pixel whose second frame claims to have 49 million, and has no data for them."""
    frames = [b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\x00" for side in (1, 7000)]
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + b"".join(frames) + b";"


def noise(size, mode="L"):
    """Return the bytes of a PNG that can't be compressed."""
    made = Image.frombytes("L", size, random.Random(3).randbytes(size[0] * size[1]))
    written = io.BytesIO()
    if mode == "P":
        made.putpalette(random.Random(4).randbytes(768))
    made.save(written, "PNG")
    return written.getvalue()


def archive():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("run.js", "alert(1)")
    return written.getvalue()


def photo_of_a_phone(size=(60, 40)):
    """Return an MPO: a JPEG photo, and a smaller picture after it in the same file."""
    written = io.BytesIO()
    photo, added = Image.new("RGB", size, (200, 30, 40)), Image.new("RGB", (30, 20), (0, 0, 255))
    photo.save(written, "MPO", save_all=True, append_images=[added])
    return written.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE = {
    "an SVG named PNG": (SVG, "SVG pictures can contain programs"),
    "an SVG without a head": (b"\xef\xbb\xbf\n <svg >", "SVG pictures can contain programs"),
    "text": (b"Dear site", "is not a JPEG"),
    "a TIFF": (picture("TIFF"), "is not a JPEG"),
    "a bitmap": (picture("BMP"), "is not a JPEG"),
    "nothing": (b"", "empty"),
    "a picture and a web page": (picture() + b"<script >alert(1)</script>", "is a web page"),
    "a picture and a program": (picture("GIF") + b"<?php system('id');", "is a program"),
    "a picture and an archive": (picture("JPEG") + archive(), "is an archive"),
    "a picture and a document": (picture("JPEG") + b"%PDF-1.7", "is a PDF document"),
    "a bomb": (bomb(60_000, 60_000), "million pixels"),
    "a smaller bomb": (bomb(9_000, 6_000), "million pixels"),
    "a GIF that grows": (growing(), "different sizes"),
    "many frames": (picture("GIF", frames=230, size=(8, 8)), "frames"),
    "half a picture": (picture("PNG", size=(400, 400))[:300], "damaged"),
    "too many bytes": (b"\x89PNG" + bytes(MAX_BYTES), "10 MB"),
}


def send(client, body, name="holiday.png"):
    address = reverse("admin:posts_post_upload")
    return client.post(address, {"picture": SimpleUploadedFile(name, body, "image/png")})


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_is_stored_under_the_digest_of_its_content_and_served_for_ever(desk, client, kind):
    answer = send(desk, picture(kind))
    assert answer.status_code == 201, answer.content
    sent = answer.json()
    assert (sent["width"], sent["height"]) == (60, 40)
    assert is_allowed_image_url(sent["url"], ()) and own_picture(sent["url"]) == sent["shown"]
    assert re.fullmatch(r"/media/[0-9a-f]{2}/[0-9a-f]{62}\.\w+", sent["shown"])
    served = client.get(sent["shown"])
    body = b"".join(served.streaming_content)
    assert Image.open(io.BytesIO(body)).format == kind
    assert served.headers["Content-Type"] == f"image/{kind.lower()}"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "sandbox" in served.headers["Content-Security-Policy"]
    again = client.get(sent["shown"], headers={"If-None-Match": served.headers["ETag"]})
    assert again.status_code == 304
    assert send(desk, picture(kind)).json() == sent and UploadedPicture.objects.count() == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_only_a_picture_is_refused_with_the_reason(desk, media, name):
    body, reason = HOSTILE[name]
    answer = send(desk, body)
    assert answer.status_code in (413, 422)
    if answer.status_code == 422:
        assert reason in answer.json()["problem"]
    assert not UploadedPicture.objects.exists() and not media.exists()


def test_every_broken_file_is_refused_in_words(desk):
    chance = random.Random(7)
    for kind in FORMATS:
        whole = picture(kind)
        for _ in range(12):
            body = bytearray(whole)
            for _ in range(4):
                body[chance.randrange(len(body))] = chance.randrange(256)
            assert send(desk, bytes(body)).status_code in (201, 422)


def test_nothing_is_left_of_the_place_the_camera_and_other_words_in_a_file():
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = f"Camera {GPS}", {1: "N", 2: (51.0, 30.0, 0.0)}
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", f"Taken at {GPS}")
    files = [
        picture("JPEG", exif=exif, comment=GPS.encode()),
        picture("WEBP", exif=exif),
        picture("AVIF", exif=exif),
        picture("PNG", exif=exif, pnginfo=words),
        picture("GIF", comment=GPS.encode()),
    ]
    for body in files:
        assert GPS.encode() in body
        stored = reencode(body).body
        assert GPS.encode() not in stored
        seen = Image.open(io.BytesIO(stored))
        assert not seen.getexif() and "comment" not in seen.info


def test_a_picture_stands_upright_keeps_its_colours_and_gets_no_larger_than_pages_need():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (reencode(picture("JPEG", exif=exif)).width, reencode(picture("JPEG", exif=exif)).height) == (40, 60)
    wide = reencode(picture("PNG", size=(5000, 50)))
    assert (wide.width, wide.height) == (LONGEST_SIDE, 24)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    seen = Image.open(io.BytesIO(reencode(picture("PNG", icc_profile=profile)).body))
    assert "icc_profile" not in seen.info and seen.getpixel((5, 5)) == (200, 0, 40)
    assert reencode(picture("JPEG", mode="CMYK")).suffix == "jpg"
    clear = Image.open(io.BytesIO(reencode(picture("PNG", mode="RGBA")).body))
    assert clear.mode == "RGBA"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_keeps_its_frames_and_their_time(kind):
    stored = reencode(picture(kind, frames=5))
    seen = Image.open(io.BytesIO(stored.body))
    seen.seek(1)
    seen.load()
    assert (stored.frames, seen.n_frames, seen.info["duration"]) == (5, 5, 80)


def test_only_people_who_may_write_posts_upload_or_look_at_addresses(client):
    staff = person("Staff")
    client.force_login(staff)
    assert send(client, picture()).status_code == 403
    assert client.post(reverse("admin:posts_post_picture"), {"url": "https://images.unsplash.com/a"}).status_code == 403
    with pytest.raises(NotAllowed, match="does not have the right"):
        upload_picture(picture(), by=staff)
    with pytest.raises(NotAllowed, match="does not have the right"):
        look_at_address("https://images.unsplash.com/a", by=staff)
    assert not UploadedPicture.objects.exists()
    assert send(Client(), picture()).status_code == 302


def test_a_person_uploads_so_many_pictures_a_day(by, monkeypatch):
    monkeypatch.setattr("posts.operations.pictures.UPLOADS_A_DAY", 2)
    upload_picture(picture(size=(10, 10)), by=by)
    upload_picture(picture(size=(11, 11)), by=by)
    with pytest.raises(Refused, match="tomorrow"):
        upload_picture(picture(size=(12, 12)), by=by)


def test_a_file_that_is_refused_counts_among_the_uploads_of_a_day(by, monkeypatch):
    written = []
    monkeypatch.setattr("posts.operations.pictures.UPLOADS_A_DAY", 2)
    monkeypatch.setattr("posts.pictures.reencode.reencode", lambda body: written.append(body) or reencode(body))
    upload_picture(picture(), by=by)
    with pytest.raises(Refused, match="damaged"):
        upload_picture(picture(size=(400, 400))[:300], by=by)
    for _ in range(2):
        with pytest.raises(Refused, match="tomorrow"):
            upload_picture(picture(), by=by)
    assert len(written) == 2
    assert upload_picture(picture(), by=person("Editors"))


def test_a_picture_stays_that_of_the_person_who_brought_it_first(by):
    row = upload_picture(picture(), by=by)
    aged(row)
    again = upload_picture(picture(), by=person("Editors"))
    assert (again.pk, again.uploaded_by) == (row.pk, by)
    assert again.uploaded_at > timezone.now() - datetime.timedelta(days=1)


def test_a_picture_that_becomes_too_large_when_it_is_written_again_is_refused(desk, monkeypatch, media):
    body = noise((200, 200), "P")
    monkeypatch.setattr("posts.pictures.reencode.MAX_BYTES", len(body) + 1)
    answer = send(desk, body)
    assert answer.status_code == 422 and "writes pictures again" in answer.json()["problem"]
    assert not media.exists()


def test_an_upload_does_not_wait_long_for_other_pictures(desk, monkeypatch):
    waited = []

    class Taken:
        def acquire(self, timeout):
            waited.append(timeout)
            return False

    monkeypatch.setattr("posts.pictures.reencode._turn", Taken())
    assert "busy with other pictures" in send(desk, picture()).json()["problem"]
    assert len(waited) == 1 and waited[0] <= 3


def test_an_upload_replaces_the_part_of_its_file_that_a_killed_process_left(desk, media):
    body = picture()
    stored = reencode(body)
    file = media / stored.name
    file.parent.mkdir(parents=True)
    file.write_bytes(stored.body[:20])
    assert send(desk, body).status_code == 201
    assert file.read_bytes() == stored.body and [each.name for each in file.parent.iterdir()] == [file.name]


def test_nothing_is_left_of_a_file_that_a_full_disk_cuts_off(by, media, monkeypatch):
    body = picture()

    def cut_off(content):
        yield content.read()[:20]
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(ContentFile, "chunks", cut_off)
        with pytest.raises(OSError, match="No space"):
            upload_picture(body, by=by)
    assert not [each for each in media.rglob("*") if each.is_file()] and not UploadedPicture.objects.exists()
    assert (media / upload_picture(body, by=by).pk).read_bytes() == reencode(body).body


def aged(row):
    UploadedPicture.objects.filter(pk=row.pk).update(uploaded_at=timezone.now() - datetime.timedelta(days=61))


def test_a_picture_of_any_revision_stays_and_one_that_no_text_has_goes_after_sixty_days(by):
    saved, imported, typed, alone, young = (upload_picture(picture(size=(20, side)), by=by) for side in range(20, 25))
    post = make_post()
    edit(post, by, image_sources=[{"url": uploaded_picture_address(saved.pk)}])
    edit(post, by, image_sources=[])
    import_records({"source_id": "x", "title": "T", "body": f"See {uploaded_picture_address(imported.pk)}"})
    keep_unsaved_text(post, [["images-0-url", uploaded_picture_address(typed.pk)]], window="0" * 32, replaces="", by=by)
    for row in (saved, imported, typed, alone):
        aged(row)
    assert forget_unused_pictures() == 1
    for row in (saved, imported, typed, young):
        assert default_storage.exists(row.pk) and UploadedPicture.objects.filter(pk=row.pk).exists()
    assert not default_storage.exists(alone.pk) and not UploadedPicture.objects.filter(pk=alone.pk).exists()
    # Uploaded again, it is there again.
    upload_picture(picture(size=(20, 23)), by=by)
    assert default_storage.exists(alone.pk)


def test_readers_see_an_uploaded_picture_from_this_site_or_from_the_host_that_has_the_files(client, by, settings):
    url = uploaded_picture_address(upload_picture(picture(), by=by).pk)
    post = make_post(released=True, image_sources=[{"url": url, "alt": "Words"}])
    name = url.partition("/media/")[2]
    assert f'src="/media/{name}"' in client.get(post.get_absolute_url()).content.decode()
    settings.MEDIA_URL = "https://media.example/a/"
    assert own_picture(url) == f"https://media.example/a/{name}"
    assert client.get(f"/media/{name}").url == f"https://media.example/a/{name}"
    other = make_post(released=True, image_sources=[{"url": url, "alt": "Words"}])
    assert f'src="https://media.example/a/{name}"' in client.get(other.get_absolute_url()).content.decode()


def test_an_address_that_was_never_uploaded_is_not_found(client):
    assert client.get(f"/media/ab/{'0' * 62}.png").status_code == 404
    for odd in ("/media/", "/media/../manage.py", f"/media/ab/{'0' * 62}.svg", f"/media/zz/{'0' * 62}.png"):
        assert client.get(odd).status_code == 404
    assert not own_picture(f"{site_settings.SITE_URL}/media/ab/x.png")
    assert not own_picture(f"https://elsewhere.example/media/ab/{'0' * 62}.png")


@pytest.fixture
def other_host(monkeypatch):
    """Answer in place of other machines; give what was asked."""
    asked = []

    def answer(body=b"", status=200, kind="image/png", error=None, is_whole=True):
        def fetched(url, **options):
            asked.append(url)
            if error:
                raise error
            return Answer(status, {"content-type": kind}, body, url, is_whole=is_whole)

        monkeypatch.setattr("posts.operations.pictures.fetch", fetched)
        return asked

    return answer


def looked(desk, url):
    return desk.post(reverse("admin:posts_post_picture"), {"url": url}).json()


def test_a_typed_address_is_looked_at_and_its_problems_are_said(desk, other_host):
    url = "https://images.unsplash.com/photo"
    other_host(picture("WEBP", size=(640, 480)))
    seen = looked(desk, url)
    assert (seen["width"], seen["height"], seen["problems"]) == (640, 480, [])
    assert seen["words"].startswith("WEBP, 640 × 480 px") and seen["shown"] == url
    for options, problem in (
        ({"status": 404}, "There is no picture at this address"),
        ({"status": 500}, "it answered 500"),
        ({"body": b"<html>"}, "does not lead to a JPEG"),
        ({"error": OutgoingFailed("images.unsplash.com did not answer in time.")}, "did not answer in time"),
        ({"body": picture(), "is_whole": False}, "more than"),
    ):
        other_host(**options)
        assert problem in " ".join(looked(desk, url)["problems"])


def test_a_decoder_may_fail_as_it_likes(desk, other_host, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("Invalid extent")

    other_host(picture("AVIF"))
    monkeypatch.setattr("PIL._avif.AvifDecoder", fails)
    assert "does not lead to a JPEG" in looked(desk, "https://images.unsplash.com/a.avif")["problems"][0]


def test_a_host_that_is_not_allowed_is_never_asked(desk, other_host):
    asked = other_host(picture())
    for url, problem in (
        ("https://elsewhere.example/a.png", "ask an administrator to add elsewhere.example"),
        ("http://images.unsplash.com/a.png", "Change the address to https://"),
        ("http://169.254.169.254/latest/", "does not allow"),
        ("file:///etc/passwd", "does not allow"),
    ):
        assert problem in looked(desk, url)["problems"][0]
    assert "draws the picture itself" in looked(desk, "https://placehold.co/600x400")["words"]
    assert asked == []


def test_a_person_looks_at_so_many_addresses_a_minute(desk, other_host, monkeypatch):
    monkeypatch.setattr("posts.operations.pictures.LOOKS_A_MINUTE", 0)
    asked = other_host(picture())
    answer = desk.post(reverse("admin:posts_post_picture"), {"url": "https://images.unsplash.com/a"})
    assert answer.status_code == 422 and "Wait a minute" in answer.json()["problem"] and asked == []


def test_of_a_photo_of_a_phone_with_several_pictures_the_first_is_stored_as_a_jpeg(desk, client):
    answer = send(desk, photo_of_a_phone((3000, 40)))
    assert answer.status_code == 201, answer.content
    stored = b"".join(client.get(answer.json()["shown"]).streaming_content)
    image = Image.open(io.BytesIO(stored))
    assert (image.format, image.size) == ("JPEG", (LONGEST_SIDE, 32))
    assert image.getpixel((5, 5))[0] > 150
    assert len(stored) < len(photo_of_a_phone((3000, 40)))


def without_script(client, body, **fields):
    file = SimpleUploadedFile("holiday.png", body, "image/png")
    return client.post(reverse("admin:posts_post_upload"), {"picture": file, "act": "upload", **fields})


def test_without_a_script_a_page_uploads_a_picture_and_shows_what_to_copy(desk, by):
    form = desk.get(reverse("admin:posts_post_add")).content.decode()
    aside = form[form.index("<noscript>", form.index("data-look")) : form.index("</noscript>")]
    assert reverse("admin:posts_post_upload") in aside
    assert desk.get(reverse("admin:posts_post_upload")).status_code == 200
    page = without_script(desk, picture(size=(60, 40))).content.decode()
    url = re.search(r'id="stored-url" value="([^"]+)"', page)[1]
    assert UploadedPicture.objects.get(uploaded_by=by).name in url
    assert "<dd>60</dd>" in page and "<dd>40</dd>" in page
    assert own_picture(url) in page


def test_without_a_script_the_same_is_refused_in_the_same_words(desk, monkeypatch):
    for body, words in HOSTILE.values():
        answer = (
            without_script(desk, body) if body else desk.post(reverse("admin:posts_post_upload"), {"act": "upload"})
        )
        expected = words if body else "No picture arrived"
        assert answer.status_code == 422 and expected in answer.content.decode(), words
    monkeypatch.setattr("posts.operations.pictures.UPLOADS_A_DAY", 0)
    assert "pictures today" in without_script(desk, picture()).content.decode()
    assert not UploadedPicture.objects.exists()


def test_the_page_for_uploads_is_for_people_who_may_write_posts(client):
    client.force_login(person("Staff"))
    assert client.get(reverse("admin:posts_post_upload")).status_code == 403
    assert without_script(client, picture()).status_code == 403
    assert not UploadedPicture.objects.exists()


def test_an_uploaded_first_picture_stands_for_its_article_wherever_pictures_of_articles_do(client, by, settings):
    url = uploaded_picture_address(upload_picture(picture(size=(640, 400)), by=by).pk)
    images = [{"url": url, "alt": "A boat", "width": 640, "height": 400}, {"url": "https://placehold.co/9x9"}]
    post = make_post(released=True, image_sources=images)
    name = url.partition("/media/")[2]
    shown = f'src="/media/{name}" alt="A boat" width="640" height="400" loading="eager"'
    home = client.get("/").content.decode()
    assert shown in home and "placeholder-frame" not in home
    article = client.get(post.get_absolute_url()).content.decode()
    assert f'<meta property="og:image" content="{url}">' in article and f'"contentUrl":"{url}"' in article
    index = client.get("/sitemap.xml").getvalue().decode()
    files = [client.get(path).getvalue().decode() for path in re.findall(r"<loc>https?://[^/]+([^<]+)", index)]
    assert any(f"<image:loc>{url}</image:loc>" in file for file in files)
    (item,) = client.get("/feed.json").json()["items"]
    assert item["image"] == url and f'src="{url}"' in item["content_html"]
    assert f'src="{url}"' in html.unescape(client.get("/feed/").content.decode())


def test_a_list_shows_no_picture_of_another_host_and_draws_one_instead(client):
    make_post(released=True, image_sources=[{"url": "https://images.unsplash.com/a.jpg", "caption": "A boat"}])
    home = client.get("/").content.decode()
    assert "placeholder-frame" in home and "unsplash" not in home
