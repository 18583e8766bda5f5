"""Pictures of posts: uploads to the site, and what is known of the picture at an address."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from posts.content_checks.images import host_problem
from posts.errors import NotAllowed, Refused
from posts.models import PictureCopy, UnsavedText, UploadedPicture
from posts.operations.allowances import use_one
from posts.operations.frame import operating
from posts.outgoing import Limits, OutgoingError, fetch
from posts.page_cache.shared_cache import cache_get, cache_set
from posts.pictures.picture import KNOWN_FORMATS, PictureRefused
from posts.records.schema import RecordDict
from posts.rendering.images import DRAWN_HOSTS, host_of, own_picture, uploaded_pictures

UPLOADS_A_DAY = 500
LOOKS_A_MINUTE = 30
# Readers wait for more than this.
LARGE_BYTES = 1_000_000
_LOOK = Limits(seconds=6, body_bytes=5_000_000, redirects=2)


@dataclass(frozen=True)
class Look:
    """What is known of the picture at an address. shown: what a page loads, "" if it loads nothing."""

    shown: str = ""
    width: int | None = None
    height: int | None = None
    words: str = ""
    problems: list[str] = field(default_factory=list)


def may_add_pictures(person: User) -> bool:
    """Return whether a person may write posts, and so upload pictures and look at addresses for them."""
    return person.has_perm("posts.change_post") or person.has_perm("posts.add_post")


def upload_picture(body: bytes, *, by: User) -> UploadedPicture:
    """Store an uploaded picture, written again from its pixels; return its UploadedPicture.

    The same picture is stored once, as that of the person who brought it first. Raises Refused with the reason.
    """
    from posts.pictures.reencode import reencode  # loads Pillow

    _require(by)
    _count_upload(by)
    try:
        picture = reencode(body)
    except PictureRefused as refusal:
        raise Refused(str(refusal)) from refusal
    now = timezone.now()
    known = {
        "width_px": picture.width,
        "height_px": picture.height,
        "frames": picture.frames,
        "size_bytes": len(picture.body),
        "uploaded_by": by,
        "uploaded_at": now,
    }
    with transaction.atomic():
        # The row first: its lock keeps the clean-up away from the file.
        row, _ = UploadedPicture.objects.update_or_create(
            name=picture.name, defaults={"uploaded_at": now}, create_defaults=known
        )
        store_file(picture.name, picture.body)
    return row


def _count_upload(by: User) -> None:
    """Count the attempt before any work is done for it, in a transaction of its own: a refusal does not undo it."""
    with operating():
        wait = use_one(f"picture {by.pk}", UPLOADS_A_DAY, now=timezone.now())
    if wait:
        raise Refused(f"You sent {UPLOADS_A_DAY} pictures today. Upload more tomorrow.")


def store_file(name: str, body: bytes) -> None:
    """Store a picture under the digest of its content, once."""
    if default_storage.exists(name):
        if default_storage.size(name) == len(body):
            return
        # A part that a killed process left.
        default_storage.delete(name)
    try:
        stored = default_storage.save(name, ContentFile(body))
    except BaseException:
        # As on a full disk. The lock of the row keeps others from storing the file meanwhile.
        default_storage.delete(name)
        raise
    if stored != name:
        # Another process stored the same picture meanwhile.
        default_storage.delete(stored)


def note_used_pictures(records: Iterable[RecordDict]) -> None:
    """Keep the uploaded pictures of texts that become revisions: they are never deleted, whatever comes later."""
    if names := set().union(*map(uploaded_pictures, records)):
        UploadedPicture.objects.filter(pk__in=names, is_used=False).update(is_used=True)


def forget_unused_pictures() -> int:
    """Delete uploads that no revision ever had and no unsaved text names, sixty days old; return their number."""
    count = 0
    for name in list(UploadedPicture.objects.unused(timezone.now()).values_list("pk", flat=True)):
        if UnsavedText.objects.filter(fields__contains=name).exists():
            continue
        with transaction.atomic():
            row = UploadedPicture.objects.unused(timezone.now()).select_for_update().filter(pk=name).first()
            if row is not None:
                row.delete()
                if not PictureCopy.objects.filter(pk=name).exists():
                    default_storage.delete(name)
                count += 1
    return count


def look_at_address(url: str, *, by: User) -> Look:
    """Return what is known of the picture at a typed address, and its problems.

    Only allowed hosts are asked, through the guarded fetcher, each person a limited number of times a minute.
    """
    _require(by)
    url = url.strip()
    if problem := host_problem(url):
        what, to_do = problem
        return Look(problems=[f"The image {what}. {to_do}"])
    shown = own_picture(url) or url
    if own_picture(url):
        return _look_at_own(url, shown)
    if host_of(url) in DRAWN_HOSTS:
        return Look(words="This site draws the picture itself.")
    _count_look(by)
    try:
        answer = fetch(url, limits=_LOOK, headers={"accept": "image/*"})
    except OutgoingError as error:
        return Look(problems=[f"The picture can't be loaded. {error}"])
    if answer.status != 200:
        missing = "There is no picture at this address" if answer.status in (404, 410) else "The host gives no picture"
        return Look(problems=[f"{missing}: it answered {answer.status}. Check the address."])
    from posts.pictures.reencode import facts_of  # loads Pillow

    facts = facts_of(answer.body)
    if facts is None:
        if "svg" in answer.headers.get("content-type", "") and answer.is_whole:
            return Look(shown, words=f"SVG, {_size(len(answer.body), is_whole=True)}")
        return Look(problems=[f"The address does not lead to a {KNOWN_FORMATS} picture. Check the address."])
    is_heavy = not answer.is_whole or len(answer.body) > LARGE_BYTES
    size = _size(len(answer.body), is_whole=answer.is_whole)
    problems = [f"The picture has {size}; readers wait for it. Use a smaller one."] if is_heavy else []
    return Look(
        shown, facts.width, facts.height, f"{facts.format}, {facts.width} × {facts.height} px, {size}", problems
    )


def _look_at_own(url: str, shown: str) -> Look:
    name = next(iter(uploaded_pictures({"body": url})), "")
    if not name:
        return Look(shown, words="A picture of this site.")
    row = UploadedPicture.objects.filter(pk=name).first()
    if row is None:
        return Look(problems=["This site no longer has the picture. Upload it again."])
    return Look(shown, row.width_px, row.height_px, f"Uploaded, {row.width_px} × {row.height_px} px")


def _count_look(by: User) -> None:
    key = f"picture looks {by.pk} {timezone.now():%Y%m%d%H%M}"
    looks = cache_get(key) or 0
    if looks >= LOOKS_A_MINUTE:
        raise Refused("Too many pictures were looked up within a minute. Wait a minute, then try again.")
    cache_set(key, looks + 1, 120)


def _size(count: int, *, is_whole: bool) -> str:
    size = f"{count / 1_000_000:.1f} MB" if count >= LARGE_BYTES else f"{max(1, count // 1000)} kB"
    return size if is_whole else f"more than {size}"


def _require(by: User) -> None:
    if not may_add_pictures(by):
        raise NotAllowed("Your account does not have the right to write posts.")
