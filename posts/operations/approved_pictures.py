"""Keeps the pictures of approved texts as they were: a copy for readers, and a digest that tells when they change.

The work is done by a job, after the approval: an approval waits for no other machine. Until then, with IMAGES=copy,
readers get an earlier approved copy of the same picture, or a drawn placeholder, and never the picture of another host.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.models import ApprovedPicture, PictureCopy, PictureSize, Post, Review, TextScan, UploadedPicture
from posts.operations.frame import operation
from posts.operations.page_questions import ask_about_page
from posts.operations.pictures import store_file
from posts.outgoing import Answer, Limits, OutgoingError, OutgoingRefused, fetch
from posts.pictures.picture import MAX_BYTES, Picture, PictureRefused
from posts.rendering.images import is_loaded_picture, own_picture
from posts.retention import kept

State = ApprovedPicture.State
SCAN = "approved pictures"
CHUNK = 200
# An approval that is committed late has a smaller number than one that was seen.
OVERLAP = 200
RUN = timedelta(seconds=20)
LIMITS = Limits(seconds=20, body_bytes=MAX_BYTES + 1, redirects=4)
MOST_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=2)
LOOKED_AT_AGAIN = timedelta(days=30)
# While a worker loads a picture, no other one does.
LEASE = timedelta(minutes=5)
MAX_PLACES = 30_000


def keep_approved_pictures(*, run: timedelta = RUN, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Note the pictures of new approvals, and load those that are due; return how many were loaded."""
    note_approvals(on_checkpoint=on_checkpoint)
    count, ends_at = 0, timezone.now() + run
    while timezone.now() < ends_at and (picture := _take()) is not None:
        _load(picture)
        count += 1
        on_checkpoint()
    return count


def note_approvals(*, on_checkpoint: Callable[[], object] = lambda: None) -> None:
    """Add a row for each picture of another host in the texts of approvals since the last run; the first reads all."""
    scan, _ = TextScan.objects.get_or_create(name=SCAN)
    approvals = Review.objects.filter(outcome=Review.Outcome.APPROVED, revoked_at=None, undone_at=None)
    rows = approvals.values_list("pk", "revision__post", "revision__snapshot")
    for chunk in in_chunks(rows, size=CHUNK, after=max(0, scan.revision_id - OVERLAP)):
        now = timezone.now()
        found = [
            ApprovedPicture(post_id=post, approval_id=pk, address=address, place=place, due_at=now)
            for pk, post, snapshot in chunk
            for address, place in pictures_elsewhere(snapshot.get("image_sources", ()))
        ]
        ApprovedPicture.objects.bulk_create(found, ignore_conflicts=True, batch_size=CHUNK)
        TextScan.objects.filter(name=SCAN, revision_id__lt=chunk[-1][0]).update(revision_id=chunk[-1][0])
        on_checkpoint()


def pictures_elsewhere(images: Iterable[dict[str, str]]) -> list[tuple[str, int]]:
    """Return [(address, place from 1)] of the pictures that a page would load from other hosts, each once."""
    found: dict[str, int] = {}
    for place, image in enumerate(images, 1):
        url = image["url"]
        if place < MAX_PLACES and is_loaded_picture(url, settings.IMAGE_HOSTS) and not own_picture(url):
            found.setdefault(url, place)
    return list(found.items())


@operation
def _take() -> ApprovedPicture | None:
    """Return the next picture that is due, which no other worker takes for the time of a lease.

    One of a text that readers no longer see is left as it is.
    """
    now = timezone.now()
    due = ApprovedPicture.objects.filter(due_at__lte=now).select_related("post").order_by("due_at", "pk")
    while picture := due.select_for_update(skip_locked=True, of=("self",)).first():
        is_live = picture.post.live_approval_id == picture.approval_id
        # An approval for a later release is kept too: its text may go live at any time.
        picture.due_at = now + LEASE if is_live or picture.state == State.WAITING else None
        picture.save(update_fields=["due_at"])
        if picture.due_at:
            return picture
    return None


def _load(picture: ApprovedPicture) -> None:
    """Load a picture from its source: keep it, or find out whether it changed."""
    picture.attempts += 1
    known = {"if-none-match": picture.etag} if picture.etag and picture.state == State.KEPT else {}
    try:
        answer = fetch(picture.address, limits=LIMITS, headers={"accept": "image/*", **known})
    except OutgoingRefused as refusal:
        return _refuse(picture, str(refusal))
    except OutgoingError as error:
        return _put_off(picture, str(error))
    if answer.status == 304:
        return _look_again(picture)
    if answer.status != 200:
        return _put_off(picture, f"Its host answered {answer.status}.")
    digest = hashlib.sha256(answer.body).hexdigest()
    if picture.state == State.KEPT:
        if (digest != picture.digest) != bool(picture.changed_at):
            _note_change(picture, is_changed=digest != picture.digest)
        return _look_again(picture, answer)
    if not answer.is_whole:
        return _refuse(picture, f"The file has more than {MAX_BYTES >> 20} MB.")
    try:
        sizes = _sizes(answer.body)
    except PictureRefused as refusal:
        return _refuse(picture, str(refusal))
    picture.digest = digest
    _keep(picture, sizes)
    _look_again(picture, answer)
    return None


@operation
def _note_change(picture: ApprovedPicture, *, is_changed: bool) -> None:
    """Note that a picture differs from the approved one, or is the same again, and ask about the page that shows it."""
    picture.changed_at = timezone.now() if is_changed else None
    picture.save(update_fields=["changed_at"])
    ask_about_page(Post(pk=picture.post_id))


def _sizes(body: bytes) -> list[Picture]:
    """Return a picture written again, in each size that readers get; raise PictureRefused for what is none."""
    from posts.pictures.reencode import reencode, smaller_sizes  # loads Pillow

    picture = reencode(body)
    return [*smaller_sizes(picture), picture] if settings.IMAGES == "copy" else []


@operation
def _keep(picture: ApprovedPicture, sizes: Iterable[Picture]) -> None:
    """Store the files of a picture, and that readers get them."""
    now = timezone.now()
    for size in sizes:
        # The row first: its lock keeps the clean-up away from the file, and it names the file if this fails.
        PictureCopy.objects.update_or_create(
            name=size.name, defaults={"width_px": size.width, "height_px": size.height, "made_at": now}
        )
        store_file(size.name, size.body)
        PictureSize.objects.get_or_create(picture=picture, copy_id=size.name)
    picture.state, picture.kept_at, picture.reason = State.KEPT, now, ""
    picture.save(update_fields=["state", "kept_at", "reason", "digest", "attempts"])


def _look_again(picture: ApprovedPicture, answer: Answer | None = None) -> None:
    """Have the source looked at again in a month."""
    etag = answer.headers.get("etag", "") if answer else picture.etag
    picture.etag = etag if len(etag) <= 200 else ""
    picture.attempts = 0
    picture.due_at = timezone.now() + LOOKED_AT_AGAIN + timedelta(hours=picture.pk % 72)
    picture.save(update_fields=["etag", "attempts", "due_at"])


def _refuse(picture: ApprovedPicture, reason: str) -> None:
    picture.state, picture.reason, picture.due_at = State.REFUSED, reason[:300], None
    picture.save(update_fields=["state", "reason", "due_at", "attempts"])


def _put_off(picture: ApprovedPicture, reason: str) -> None:
    """Try again later: twice as late each time. A picture that was never loaded is refused after MOST_ATTEMPTS."""
    if picture.state == State.WAITING and picture.attempts >= MOST_ATTEMPTS:
        return _refuse(picture, reason)
    wait = min(FIRST_WAIT * 2 ** min(picture.attempts - 1, 15), LOOKED_AT_AGAIN)
    picture.reason, picture.due_at = reason[:300], timezone.now() + wait
    picture.save(update_fields=["reason", "due_at", "attempts"])
    return None


def old_copies(now: datetime) -> QuerySet[ApprovedPicture]:
    """Return pictures of approvals that were revoked long ago."""
    revoked = ApprovedPicture.objects.filter(approval__revoked_at__lt=now - kept("revoked-copies"))
    return revoked.exclude(post__live_approval=F("approval"))


def forget_orphaned_copies(*, now: datetime | None = None, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete copies that no approval needs: of approvals revoked 60 days ago, or left by a killed job; return how many.

    The copies of every approval that stands are kept, also of older texts: readers may see these again.
    """
    now = now or timezone.now()
    for ids in in_chunks(old_copies(now).values_list("pk", flat=True), size=CHUNK):
        ApprovedPicture.objects.filter(pk__in=ids).delete()
        on_checkpoint()
    unused = PictureCopy.objects.filter(
        ~Exists(PictureSize.objects.filter(copy=OuterRef("pk"))), made_at__lt=now - timedelta(days=1)
    )
    count = 0
    for names in in_chunks(unused.values_list("pk", flat=True), size=CHUNK):
        count += sum(map(_forget, names))
        on_checkpoint()
    return count


def _forget(name: str) -> bool:
    """Delete a copy and its file, unless an approval has come to need it or somebody uploaded the same picture."""
    with transaction.atomic():
        unused = PictureCopy.objects.filter(~Exists(PictureSize.objects.filter(copy=OuterRef("pk"))), pk=name)
        copy = unused.select_for_update().first()
        if copy is None:
            return False
        copy.delete()
        if not UploadedPicture.objects.filter(pk=name).exists():
            default_storage.delete(name)
        return True
