"""What became of the pictures of an approved text: no check of the text alone can know it."""

from django.conf import settings

from posts.content_checks.registry import Finding
from posts.models import ApprovedPicture, Post

CHANGED, NOT_KEPT = "picture-changed", "picture-not-kept"
State = ApprovedPicture.State


def picture_findings(post: Post) -> list[Finding]:
    """Return a Finding for each picture of the live text that changed at its source, or could not be copied."""
    if settings.IMAGES == "load" or post.live_approval_id is None:
        return []
    is_copied = settings.IMAGES == "copy"
    kept = "Readers still see the approved one." if is_copied else "Readers see the new one."
    found = []
    for picture in ApprovedPicture.objects.filter(approval=post.live_approval_id).order_by("place"):
        pointer = f"/image_sources/{picture.place - 1}/url"
        if picture.changed_at:
            words = f"Image {picture.place} has changed at its source since it was approved. {kept} Look at it again."
            found.append(Finding(CHANGED, words, stops=False, pointer=pointer))
        if picture.state == State.REFUSED and is_copied:
            words = f"Readers see no image {picture.place} of the live text, because no copy was made: {picture.reason}"
            found.append(Finding(NOT_KEPT, words, stops=False, pointer=pointer))
    return found
