"""Pictures keep what was approved: copies for readers, no other host asked, and a finding when a source changes."""

import datetime
import re

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.content_checks.stored import findings_beside_text
from posts.models import ApprovedPicture, AuditEntry, PictureCopy, PictureSize, QueueEntry, UploadedPicture
from posts.operations import roll_back
from posts.operations.approved_pictures import forget_orphaned_copies, keep_approved_pictures
from posts.operations.pictures import forget_unused_pictures
from posts.operations.tasks import forget_copies, keep_pictures
from posts.outgoing import Answer, OutgoingFailed, OutgoingRefused
from posts.public.sitemaps import URLS_PER_FILE
from posts.rendering.images import uploaded_picture_address
from tests.factories import approve, edit, fresh, make_post, person
from tests.test_pictures import picture

pytestmark = pytest.mark.django_db
ONE, TWO = "https://images.unsplash.com/one?w=1200&q=80", "https://images.unsplash.com/two"
State = ApprovedPicture.State


@pytest.fixture(autouse=True)
def _copies(settings, tmp_path):
    settings.MEDIA_ROOT, settings.IMAGES = tmp_path / "media", "copy"


@pytest.fixture(autouse=True)
def hosts(monkeypatch):
    """Return {address: its file, or the error}, which stands for the internet; `asked` has the requests."""
    answers = {ONE: picture(size=(1300, 800)), TWO: picture("JPEG", size=(300, 200))}
    answers["asked"] = []

    def fetch(address, *, limits, headers):
        answers["asked"].append((address, headers))
        found = answers.get(address, 404)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, int):
            return Answer(found, {}, b"", address)
        if headers.get("if-none-match") == f'"{len(found)}"':
            return Answer(304, {}, b"", address)
        body = found[: limits.body_bytes]
        return Answer(200, {"etag": f'"{len(found)}"'}, body, address, is_whole=len(body) == len(found))

    monkeypatch.setattr("posts.operations.approved_pictures.fetch", fetch)
    return answers


def post_with(*addresses, **fields):
    images = [{"url": address, "caption": f"Figure of {address[-3:]}", "source": "unsplash"} for address in addresses]
    return make_post(image_sources=images, **fields)


def page_of(post):
    answer = Client().get(fresh(post).get_absolute_url())
    assert answer.status_code == 200
    return answer


def loaded_by(text):
    """Return the addresses that a page loads pictures from."""
    found = re.findall(r'<img [^>]*?src="([^"]*)"', text)
    for several in re.findall(r'srcset="([^"]*)"', text):
        found += [part.split()[0] for part in several.split(", ")]
    return found


def states():
    return list(ApprovedPicture.objects.order_by("pk").values_list("address", "state"))


def findings(post):
    return {finding.check: finding for finding in findings_beside_text(fresh(post))}


def let_it_be_due():
    ApprovedPicture.objects.update(due_at=timezone.now())


def test_until_a_copy_exists_readers_get_a_placeholder_and_then_the_copy():
    post = approve(post_with(ONE))
    before = page_of(post).content.decode()
    assert loaded_by(before) == [] and "figure__frame" in before and "Figure of =80" in before
    assert keep_approved_pictures() == 1
    after = page_of(post).content.decode()
    loaded = loaded_by(after)
    assert loaded and all(re.fullmatch(r"/media/[0-9a-f]{2}/[0-9a-f]{62}\.png", address) for address in loaded)
    assert re.search(r'srcset="/media/\S+ 480w, /media/\S+ 960w, /media/\S+ 1300w"', after)
    assert re.search(r'width="896" height="551"', after)
    for address in loaded:
        answer = Client().get(address)
        assert answer.status_code == 200 and b"".join(answer.streaming_content)
    # The way to the source is a link, which loads nothing.
    assert 'Image source: <a href="https://images.unsplash.com/one?w=1200&amp;q=80"' in after


def test_the_policy_of_a_readers_page_names_no_other_host_and_that_of_a_preview_does(settings):
    post = approve(post_with(ONE))
    policy = page_of(post).headers["Content-Security-Policy"]
    assert "img-src 'self';" in policy
    desk = Client()
    desk.force_login(person())
    preview = desk.get(reverse("admin:posts_post_preview", args=[post.pk]))
    assert "https://images.unsplash.com" in preview.headers["Content-Security-Policy"]
    assert loaded_by(preview.content.decode()) == [ONE.replace("&", "&amp;")]
    settings.IMAGES = "load"
    assert "https://images.unsplash.com" in page_of(post).headers["Content-Security-Policy"]


def test_every_surface_names_the_copy_and_no_other_host():
    post = approve(post_with(ONE, TWO))
    keep_approved_pictures()
    page = page_of(post).content.decode()
    shared = re.search(r'property="og:image" content="([^"]*)"', page)[1]
    assert "/media/" in shared
    script = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)[1]
    assert "/media/" in script and "unsplash.com" not in script
    for address in ("/feed/", "/rss.xml", "/feed.json", f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml"):
        text = Client().get(address).getvalue().decode()
        assert "/media/" in text, address
        assert not re.search(r'(?:src=\\?"|src=&quot;|image:loc>|"image": ")https://images\.unsplash', text), address


def test_the_api_and_the_record_name_the_copy_beside_the_approved_address():
    post = approve(post_with(ONE))
    api, record = reverse("posts:api-post", args=[post.slug]), reverse("posts:record", args=[post.slug])
    assert Client().get(api).json()["pictures"] == Client().get(record).json()["pictures"] == []
    keep_approved_pictures()
    name = PictureCopy.objects.order_by("-width_px")[0].name
    for address in (api, record):
        answer = Client().get(address).json()
        copy = uploaded_picture_address(name)
        assert answer["pictures"] == [{"url": ONE, "copy": copy, "width": 1300, "height": 800}]
        # The fingerprint covers the address that was approved.
        assert answer["record"]["image_sources"][0]["url"] == ONE


def test_a_text_that_nobody_approved_loads_nothing_from_other_hosts():
    post = post_with(ONE)
    keep_approved_pictures()
    assert states() == [] and loaded_by(page_of(post).content.decode()) == []


def test_the_page_of_a_post_is_renewed_when_its_copy_is_there():
    post = approve(post_with(ONE))
    assert loaded_by(page_of(post).content.decode()) == loaded_by(page_of(post).content.decode()) == []
    keep_approved_pictures()
    assert loaded_by(page_of(post).content.decode())


def test_each_approval_keeps_what_was_approved_and_a_roll_back_shows_it_again(hosts):
    post = approve(post_with(TWO))
    keep_approved_pictures()
    first = loaded_by(page_of(post).content.decode())
    hosts[TWO] = picture("JPEG", size=(320, 200))
    edit(post, summary="Another.")
    approve(post)
    # Until the new copy is there, readers keep the earlier one.
    assert loaded_by(page_of(post).content.decode()) == first
    keep_approved_pictures()
    second = loaded_by(page_of(post).content.decode())
    assert second != first
    roll_back(fresh(post), by=person())
    assert loaded_by(page_of(post).content.decode()) == first


def test_a_picture_that_changes_at_its_source_is_a_finding_and_readers_keep_the_copy(hosts):
    post = approve(post_with(TWO))
    keep_approved_pictures()
    before, digest = loaded_by(page_of(post).content.decode()), ApprovedPicture.objects.get().digest
    let_it_be_due()
    keep_approved_pictures()
    assert hosts["asked"][-1][1]["if-none-match"] and "picture-changed" not in findings(post)
    hosts[TWO] = picture("JPEG", size=(310, 200))
    let_it_be_due()
    keep_approved_pictures()
    assert findings(post)["picture-changed"].message == (
        "Image 1 has changed at its source since it was approved. Readers still see the approved one. Look at it again."
    )
    assert loaded_by(page_of(post).content.decode()) == before
    assert ApprovedPicture.objects.get().digest == digest
    # As it was: nothing to find any more.
    hosts[TWO] = picture("JPEG", size=(300, 200))
    let_it_be_due()
    keep_approved_pictures()
    assert "picture-changed" not in findings(post)


def test_without_copies_the_digest_still_tells(hosts, settings):
    settings.IMAGES = "watch"
    post = approve(post_with(TWO))
    keep_approved_pictures()
    assert ApprovedPicture.objects.get().digest and not PictureCopy.objects.exists()
    assert loaded_by(page_of(post).content.decode()) == [TWO]
    hosts[TWO] = picture("JPEG", size=(310, 200))
    let_it_be_due()
    keep_approved_pictures()
    assert "Readers see the new one." in findings(post)["picture-changed"].message


def test_a_picture_that_readers_no_longer_get_as_approved_brings_its_post_back_into_the_queue(hosts, settings):
    settings.IMAGES = "watch"
    post = approve(post_with(ONE, TWO))
    keep_approved_pictures()
    hosts[TWO] = picture("JPEG", size=(310, 200))
    let_it_be_due()
    keep_approved_pictures()
    asked = fresh(post)
    assert asked.awaits_review and asked.is_indexable
    reasons = {reason["code"]: reason["points"] for reason in QueueEntry.objects.get(pk=post.pk).reasons}
    assert reasons["pictures"] == 15
    assert AuditEntry.objects.filter(post=post, action="changed picture found").get().detail == TWO
    # Seen again as changed: asked once.
    let_it_be_due()
    keep_approved_pictures()
    assert AuditEntry.objects.filter(post=post, action="changed picture found").count() == 1
    # As it was approved: no question any more.
    hosts[TWO] = picture("JPEG", size=(300, 200))
    let_it_be_due()
    keep_approved_pictures()
    assert not fresh(post).awaits_review and not QueueEntry.objects.filter(pk=post.pk).exists()


def test_a_confirmed_picture_asks_no_second_time(hosts, settings):
    settings.IMAGES = "watch"
    post = approve(post_with(TWO))
    keep_approved_pictures()
    hosts[TWO] = picture("JPEG", size=(310, 200))
    let_it_be_due()
    keep_approved_pictures()
    approve(fresh(post), by=person())
    keep_approved_pictures()
    let_it_be_due()
    keep_approved_pictures()
    assert not fresh(post).awaits_review and "picture-changed" not in findings(post)


def test_with_copies_readers_keep_the_approved_picture_so_nobody_is_asked(hosts):
    post = approve(post_with(TWO))
    keep_approved_pictures()
    hosts[TWO] = picture("JPEG", size=(310, 200))
    let_it_be_due()
    keep_approved_pictures()
    assert "picture-changed" in findings(post) and not fresh(post).awaits_review


def test_a_site_that_did_not_ask_for_it_asks_no_host(hosts, settings):
    settings.IMAGES = "load"
    approve(post_with(ONE))
    keep_pictures.call()
    assert hosts["asked"] == [] and states() == []


BOMB = picture(size=(8000, 7000), mode="L")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (SVG, "SVG"),
        (b"<html><body>No picture</body></html>", "picture"),
        (picture("PNG") + b"<script>alert(1)</script>", "web page"),
        (picture("GIF") + b"<?php echo 1;", "program"),
        (picture("JPEG", size=(300, 200))[:900], "damaged"),
        (BOMB, "million pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 11_000_000, "more than 10 MB"),
        (b"", "empty"),
        (OutgoingRefused("It is not on the public internet."), "public internet"),
    ],
    ids=["svg", "html", "picture and page", "picture and program", "cut off", "bomb", "too large", "empty", "private"],
)
def test_what_is_no_picture_is_refused_with_the_reason_and_never_shown(hosts, file, reason):
    post = approve(post_with(TWO))
    hosts[TWO] = file
    keep_approved_pictures()
    refused = ApprovedPicture.objects.get()
    assert refused.state == State.REFUSED and reason in refused.reason
    assert refused.reason in findings(post)["picture-not-kept"].message
    assert loaded_by(page_of(post).content.decode()) == [] and not PictureCopy.objects.exists()


def test_a_host_that_does_not_answer_is_asked_again_later_and_at_last_no_more(hosts):
    approve(post_with(TWO))
    good = hosts[TWO]
    hosts[TWO] = OutgoingFailed("images.unsplash.com did not answer in time.")
    keep_approved_pictures()
    waiting = ApprovedPicture.objects.get()
    assert waiting.state == State.WAITING and waiting.due_at > timezone.now()
    hosts[TWO] = 503
    for _ in range(3):
        let_it_be_due()
        keep_approved_pictures()
    assert ApprovedPicture.objects.get().due_at > timezone.now() + datetime.timedelta(minutes=10)
    hosts[TWO] = good
    let_it_be_due()
    keep_approved_pictures()
    assert ApprovedPicture.objects.get().state == State.KEPT
    hosts[TWO] = 404
    ApprovedPicture.objects.update(state=State.WAITING, attempts=7, due_at=timezone.now())
    keep_approved_pictures()
    gone = ApprovedPicture.objects.get()
    assert (gone.state, gone.reason, gone.due_at) == (State.REFUSED, "Its host answered 404.", None)


def test_a_picture_of_this_site_or_a_drawn_one_is_not_copied(settings):
    settings.SITE_URL = "https://alpha.example"
    own = "https://alpha.example/static/articles/a.png"
    post = approve(post_with(own, "https://placehold.co/600x400?text=Words"))
    keep_approved_pictures()
    assert states() == [] and loaded_by(page_of(post).content.decode()) == ["/static/articles/a.png"]


def test_pictures_of_texts_that_readers_no_longer_see_are_not_looked_at_again(hosts):
    post = approve(post_with(TWO))
    keep_approved_pictures()
    edit(post, image_sources=[{"url": ONE, "source": "unsplash"}])
    approve(post)
    keep_approved_pictures()
    del hosts["asked"][:]
    let_it_be_due()
    keep_approved_pictures()
    assert [address for address, _ in hosts["asked"]] == [ONE]
    assert ApprovedPicture.objects.get(address=TWO).due_at is None


def test_copies_that_nobody_needs_are_deleted_with_their_files():
    post = approve(post_with(TWO))
    keep_approved_pictures()
    kept = PictureCopy.objects.get().name
    edit(post, image_sources=[{"url": ONE, "source": "unsplash"}])
    approve(post)
    keep_approved_pictures()
    rolled_back = set(PictureCopy.objects.exclude(pk=kept).values_list("pk", flat=True))
    assert len(rolled_back) == 3
    roll_back(fresh(post), by=person())
    assert forget_orphaned_copies() == 0
    later = timezone.now() + datetime.timedelta(days=70)
    assert forget_orphaned_copies(now=later) == 3
    assert list(PictureCopy.objects.values_list("pk", flat=True)) == [kept]
    assert default_storage.exists(kept) and not any(map(default_storage.exists, rolled_back))
    assert loaded_by(page_of(post).content.decode())
    forget_copies.call()


def test_a_copy_and_an_upload_of_one_picture_share_a_file_until_nobody_needs_it():
    approve(post_with(TWO))
    keep_approved_pictures()
    name = PictureCopy.objects.get().name
    old = timezone.now() - datetime.timedelta(days=100)
    upload = {"width_px": 300, "height_px": 200, "size_bytes": 1, "uploaded_at": old}
    UploadedPicture.objects.create(name=name, **upload)
    assert forget_unused_pictures() == 1 and default_storage.exists(name)
    UploadedPicture.objects.create(name=name, **upload)
    PictureSize.objects.all().delete()
    assert forget_orphaned_copies(now=timezone.now() + datetime.timedelta(days=2)) == 1
    assert default_storage.exists(name)


def test_a_job_that_is_killed_after_a_file_leaves_nothing_for_ever(monkeypatch):
    post = approve(post_with(TWO))
    monkeypatch.setattr("posts.operations.approved_pictures.store_file", fail := Fail())
    with pytest.raises(OSError, match="full"):
        keep_approved_pictures()
    assert fail.names and not PictureSize.objects.exists()
    assert ApprovedPicture.objects.get().state == State.WAITING
    monkeypatch.undo()
    assert loaded_by(page_of(post).content.decode()) == []


class Fail:
    """Stands for a full disk."""

    def __init__(self):
        self.names = []

    def __call__(self, name, body):
        self.names.append(name)
        raise OSError("The disk is full.")
