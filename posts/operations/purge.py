"""Purges a post: nothing of its content stays, only that it was here.

Each table and folder says below what it keeps of a post. A test fails when one is unknown.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from posts.audit.chain import redact
from posts.db.change_log import post_key
from posts.errors import Refused, checked_words, require_superuser
from posts.models import (
    ApprovedPicture,
    AuditEntry,
    CheckResult,
    FinishedArticle,
    FormerSlug,
    FormerTermSlug,
    ImportBatch,
    LinkAddress,
    LinkCheck,
    LinkHost,
    LinkOccurrence,
    Neighbour,
    Notification,
    OutgoingMessage,
    PictureCopy,
    PictureSize,
    Post,
    PostTerm,
    PurgedAddress,
    PurgedPost,
    PushAnswer,
    RenderedArticle,
    Revision,
    SourceLink,
    SpellingKey,
    StaleNeighbours,
    StoredPage,
    StoredPageKey,
    Term,
    UnsavedText,
    UploadedPicture,
)
from posts.models.purged_post import digest_of_name
from posts.operations.frame import changing, note, operation
from posts.operations.timeouts import long_statement_timeout
from posts.outbox.webhooks import announce_purge
from posts.records.schema import RecordDict
from posts.rendering.images import uploaded_pictures
from posts.review_queue.counts import capped_counts
from posts.search import forget_texts, scrub_index, search_posts
from posts.search.index import words_to_learn

REMOVED = "removed with the post"
INSTEAD = "a purged post"
# The actions whose details name another post by title and address.
NAMING_ANOTHER = ("kept", "replaced")
# A shorter title or address could be a part of other words.
SHORTEST = 6

# The rows of a post that go, children before their parents: (table, path from it to the post).
ROWS: tuple[tuple[str, str], ...] = (
    ("PreviewAnswer", "link__post"), ("PreviewLink", "post"), ("RemarkReply", "remark__post"), ("Remark", "post"),
    ("BulkRow", "post"), ("DecisionEvent", "review__revision__post"), ("PictureSize", "picture__post"),
    ("ApprovedPicture", "post"), ("ScheduledRelease", "post"), ("Release", "post"), ("QueueLabel", "entry__post"),
    ("QueueEntry", "post"), ("ListedText", "post"), ("PostTerm", "post"), ("Neighbour", "post"),
    ("Neighbour", "neighbour"), ("StaleNeighbours", "post"), ("TextTwin", "post"), ("TextTwin", "twin"),
    ("SketchBand", "post"), ("TextSketch", "post"), ("ScoredPost", "post"), ("ChecklistItem", "post"),
    ("ImageSource", "post"), ("LinkOccurrence", "post"), ("StaleLinks", "post"), ("SourcePlace", "post"),
    ("SourceLink", "post"), ("FormerSlug", "post"), ("PostHold", "post"), ("ReaderReport", "post"),
    ("ReviewFlag", "post"), ("StyleException", "post"), ("UnsavedText", "post"), ("Notification", "post"),
    ("ImportIssue", "post"), ("FinishedArticle", "post"), ("PlainText", "post"), ("Review", "revision__post"),
    ("Revision", "post"), ("Post", "pk"),
)  # fmt: skip
# Tables that hold content of a post without a reference to it; a function below removes it.
FOUND_OTHERWISE = {
    "RenderedArticle": "by the fingerprints of its texts",
    "CheckResult": "by the fingerprints of its texts",
    "LinkAddress": "addresses that no other post names",
    "LinkHost": "hosts of such addresses",
    "LinkCheck": "checks of such addresses",
    "Term": "terms that no other post has",
    "FormerTermSlug": "former addresses of such terms",
    "SpellingKey": "words that no other text has",
    "UploadedPicture": "pictures that no other text names, with their files",
    "PictureCopy": "copies that no other approval needs, with their files",
    "OutgoingMessage": "its messages go; in others its title and address are replaced",
    "AuditEntry": "details of its entries are replaced",
    "PushAnswer": "answers that name it",
    "StoredPage": "pages that show it; the background makes lists again",
    "StoredPageKey": "what such pages show",
    "PurgedPost": "the tombstone: a digest of its identity",
    "PurgedAddress": "digests of its addresses",
    "admin.LogEntry": "entries about it",
}
# Tables that hold nothing of a post, or only numbers of it.
NO_CONTENT = {
    "Generator": "who writes posts", "ApiToken": "who may send them", "ReviewGuideline": "of all posts",
    "GuidelinePoint": "of all posts", "StyleRule": "of all posts", "SavedView": "filters of a list",
    "ImportBatch": "names and counts of a source", "BulkRun": "what a person chose and wrote about many posts",
    "AuditSeal": "numbers and digests", "AuditRedaction": "what was left of details", "AuditChain": "numbers",
    "CheckWeight": "counts", "DayFigure": "counts", "Deployment": "of the site", "Job": "of the site",
    "ExternalIdentity": "of accounts",
    "JobRun": "numbers; errors go after 60 days", "JobWorker": "of the site", "SiteFigure": "counts",
    "NotificationSetting": "of accounts", "PackageList": "of registries", "PackageName": "of registries",
    "PageChange": "numbers and names of lists, for a day", "QueueFigure": "counts", "ReportTally": "counts",
    "RequestFigure": "counts", "DeskPreference": "of accounts", "Score": "counts", "AccountState": "of accounts",
    "SecondFactor": "of accounts", "RecoveryCode": "of accounts", "ReviewLimit": "of accounts",
    "SignInTally": "of accounts",
    "StoredPageState": "how far the background is",
    "ParagraphCount": "digests of paragraphs, counted", "TextScan": "how far a walk is",
    "WalkPart": "keys that a worker has now",
    "WebSession": "words of a reviewer whose session ended, until the session goes",
}  # fmt: skip
# Settings that name folders and files with content of posts.
FOLDERS = {
    "MEDIA_ROOT": "files of pictures go",
    "IMPORT_UPLOADS": "uploaded files that had the post go",
    "IMPORT_DIR": "files of the operator: delete them yourself",
}


def purge_obstacles(post: Post) -> list[str]:
    """Return in words why a post can't be purged now."""
    unfinished = [ImportBatch.State.WAITING, ImportBatch.State.RUNNING, ImportBatch.State.STOPPED]
    batch = ImportBatch.objects.filter(pk__in=_batches(post), state__in=unfinished).first()
    return [f"Import {batch.pk} is not finished. It may have the post again: wait for its end."] if batch else []


def purge_counts(post: Post) -> dict[str, int]:
    """Return {kind of rows: how many} of what goes, in one query. Of many rows only the first are counted."""
    rows = [_rows(table, path, post.pk) for table, path in ROWS]
    found: dict[str, int] = {}
    for one, count in zip(rows, capped_counts(rows), strict=True):
        if count:
            name = str(one.model._meta.verbose_name_plural)
            found[name] = found.get(name, 0) + count
    return found


@operation
def purge_post(post: Post, *, by: User | None, why: str) -> None:
    """Remove a post with all that is derived from it, for good. by: a superuser, or None for an operator's command.

    A tombstone stays: its addresses answer 410 if readers could open it, no other post gets them, and an import of the
    same identity is refused. Raise NotAllowed or Refused.
    """
    require_superuser(by)
    why = checked_words(why, name="The reason")
    if not why:
        raise Refused("Say why the post is purged.")
    with changing(post, by=by) as change:
        post = change.post
        if obstacles := purge_obstacles(post):
            raise Refused(*obstacles)
        was_public = bool(post.first_published_at or post.is_imported)
        found = _Found(post)
        if not post.withdrawn_at:
            # It leaves lists, search and counts as any withdrawn post does.
            post.withdrawn_at = timezone.now()
    _replace_words(post, found)
    with long_statement_timeout():
        pictures = _pictures_alone(post, found)
    _delete_rows(post)
    _delete_otherwise(found, pictures)
    _delete_stored_pages(post)
    tombstone = PurgedPost.objects.create(identity=digest_of_name(post.source_id), was_public=was_public)
    digests = {digest_of_name(address) for address in found.addresses}
    PurgedAddress.objects.bulk_create(PurgedAddress(post=tombstone, digest=digest) for digest in sorted(digests))
    note("post purged", by=by, detail=f"number {post.pk}, identity {tombstone.identity[:16]}. {why}")
    announce_purge(post.pk, post.source_id)
    transaction.on_commit(partial(_delete_files, pictures, found.uploads))


class _Found:
    """What leads to content of a post in tables and folders that have no reference to it."""

    def __init__(self, post: Post) -> None:
        revisions = list(post.revisions.values_list("fingerprint", "snapshot"))
        self.records: list[RecordDict] = [snapshot for _, snapshot in revisions]
        self.fingerprints = {fingerprint for fingerprint, _ in revisions}
        former = list(FormerSlug.objects.filter(post=post).values_list("slug", flat=True))
        self.addresses = [post.slug, *former]
        titles = {record["title"] for record in self.records} | {post.title}
        words = [*titles, *self.addresses, post.source_id]
        self.words = sorted({word for word in words if len(word) >= SHORTEST}, key=len, reverse=True)
        names = {name for record in self.records for name in _names(record)}
        of_post = PostTerm.objects.filter(post=post).values("term")
        self.terms = list(Term.objects.filter(Q(name__in=names) | Q(pk__in=of_post)).values_list("pk", flat=True))
        self.links = list(LinkOccurrence.objects.filter(post=post).values_list("address_id", flat=True))
        copies = PictureSize.objects.filter(picture__in=ApprovedPicture.objects.filter(post=post))
        self.copies = list(copies.values_list("copy_id", flat=True).distinct())
        listed = apps.get_model("posts.ListedText").objects.filter(post=post)
        self.documents = list(listed.values_list("pk", flat=True))
        self.spellings = {word for record in self.records for word in words_to_learn(record)}
        beside = Neighbour.objects.filter(neighbour=post).values_list("post_id", flat=True)
        self.beside = list(beside)
        folder = str(Path(settings.IMPORT_UPLOADS).resolve())
        batches = ImportBatch.objects.filter(pk__in=_batches(post), source_path__startswith=folder)
        self.uploads = list(batches.values_list("source_path", flat=True))


def _batches(post: Post) -> set[int]:
    numbers = {post.first_batch_id, post.last_batch_id, *post.revisions.values_list("batch_id", flat=True)}
    return {number for number in numbers if number}


def _names(record: RecordDict) -> Iterable[str]:
    for field in ("stack", "tools", "tags", "authors"):
        yield from record.get(field, ())
    for field in ("topic", "difficulty", "code_language", "language"):
        if name := record.get(field):
            yield name


def _rows(table: str, path: str, pk: int) -> "QuerySet[Any, Any]":
    model: type[Model] = apps.get_model("posts", table)
    first, _, rest = path.partition("__")
    if not rest:
        return model._base_manager.filter(**{first: pk})
    parent: Any = model._meta.get_field(first).related_model
    return model._base_manager.filter(**{f"{first}__in": parent._base_manager.filter(**{rest: pk}).values("pk")})


def _replace_words(post: Post, found: _Found) -> None:
    """Take the words of the post out of the audit trail and of messages."""
    entries = AuditEntry.objects.filter(post=post).exclude(detail__in=("", REMOVED)).order_by()
    texts = dict.fromkeys(entries.values_list("pk", flat=True), REMOVED)
    for pk, detail in AuditEntry.objects.filter(action__in=NAMING_ANOTHER).values_list("pk", "detail"):
        if pk not in texts and (text := _without(detail, found.words)) != detail:
            texts[pk] = text
    redact(texts)
    OutgoingMessage.objects.filter(lane=f"post {post.pk}").delete()
    _replace_in(OutgoingMessage, ("subject", "body", "answer", "last_error"), found.words)
    _replace_in(Notification, ("text",), found.words)
    PushAnswer.objects.filter(content__contains=post.source_id).delete()
    about_it = {"content_type__app_label": "posts", "content_type__model": "post", "object_id": str(post.pk)}
    LogEntry.objects.filter(**about_it).delete()


def _replace_in(model: type[Any], columns: tuple[str, ...], words: list[str]) -> None:
    named = Q()
    for word in words:
        for column in columns:
            named |= Q(**{f"{column}__icontains": word})
    for row in model.objects.filter(named) if words else ():
        for column in columns:
            setattr(row, column, _without(getattr(row, column), words))
        row.save(update_fields=columns)


def _without(text: str, words: list[str]) -> str:
    """Replace the words, the longest first, wherever they are no part of longer ones."""
    for word in words:
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", INSTEAD, text, flags=re.IGNORECASE)
    return text


def _pictures_alone(post: Post, found: _Found) -> list[str]:
    """Return the names of uploaded pictures that no text of another post names."""
    names = set().union(*map(uploaded_pictures, found.records)) if found.records else set()
    others = Revision.objects.exclude(post=post)
    unsaved = UnsavedText.objects.exclude(post=post)
    return [
        name
        for name in sorted(names)
        if not others.filter(snapshot__contains=name).exists() and not unsaved.filter(fields__contains=name).exists()
    ]


def _delete_rows(post: Post) -> None:
    # The trail's own query set refuses changes; its triggers allow that an entry forgets a post.
    QuerySet(AuditEntry).filter(post=post).update(post=None, revision=None)
    links = SourceLink.objects.filter(target=post)
    # What is stored of other articles has nothing of it but links.
    FinishedArticle.objects.filter(post__in=links.values("post")).delete()
    links.update(target=None)
    Post.objects.filter(replaced_by=post).update(replaced_by=None)
    Post.objects.filter(pk=post.pk).update(live_approval=None, live_revision=None, head_revision=None)
    for table, path in ROWS:
        _rows(table, path, post.pk)._raw_delete(connection.alias)


def _delete_otherwise(found: _Found, pictures: list[str]) -> None:
    alone = found.fingerprints - set(
        Revision.objects.filter(fingerprint__in=found.fingerprints).values_list("fingerprint", flat=True)
    )
    for model in (RenderedArticle, CheckResult):
        model._default_manager.filter(fingerprint__in=alone).delete()
    forget_texts(found.documents)
    _delete_links(found.links)
    unused = Term.objects.filter(~Exists(PostTerm.objects.filter(term=OuterRef("pk"))), pk__in=found.terms)
    gone = list(unused.values_list("pk", flat=True))
    FormerTermSlug.objects.filter(term__in=gone).delete()
    Term.objects.filter(pk__in=gone).delete()
    _forget_spellings(found.spellings)
    UploadedPicture.objects.filter(pk__in=pictures).delete()
    needed = PictureSize.objects.filter(copy=OuterRef("pk"))
    copies = PictureCopy.objects.filter(~Exists(needed), pk__in=found.copies)
    pictures += list(copies.values_list("pk", flat=True))
    copies.delete()
    StaleNeighbours.objects.bulk_create(StaleNeighbours(post_id=pk, spreads=False) for pk in found.beside)


def _delete_stored_pages(post: Post) -> None:
    pages = list(StoredPageKey.objects.filter(key=post_key(post.pk)).values_list("page_id", flat=True))
    StoredPageKey.objects.filter(page__in=pages).delete()
    StoredPage.objects.filter(pk__in=pages).delete()


def _delete_links(addresses: list[int]) -> None:
    named = LinkOccurrence.objects.filter(address=OuterRef("pk"))
    alone = list(LinkAddress.objects.filter(~Exists(named), pk__in=addresses).values_list("pk", "host_id"))
    numbers = [pk for pk, _ in alone]
    LinkCheck.objects.filter(address__in=numbers).delete()
    LinkAddress.objects.filter(pk__in=numbers).delete()
    used = LinkAddress.objects.filter(host=OuterRef("pk"))
    LinkHost.objects.filter(~Exists(used), pk__in=[host for _, host in alone]).delete()


def _forget_spellings(words: set[str]) -> None:
    """Forget the words that no listed text has any more."""
    known = SpellingKey.objects.filter(word__in=words).values_list("word", flat=True).distinct()
    alone = [word for word in known if not search_posts(word).posts]
    SpellingKey.objects.filter(word__in=alone).delete()


def _delete_files(pictures: list[str], uploads: list[str]) -> None:
    # An upload and a copy of the same picture share a file.
    needed = {*UploadedPicture.objects.filter(pk__in=pictures).values_list("pk", flat=True)}
    needed |= {*PictureCopy.objects.filter(pk__in=pictures).values_list("pk", flat=True)}
    deletions: list[Callable[[], object]] = [
        partial(default_storage.delete, name) for name in pictures if name not in needed
    ]
    deletions += [partial(Path(name).unlink, missing_ok=True) for name in uploads if Path(name).is_file()]
    for delete in deletions:
        delete()
    scrub_index()
    # Other processes drop its pages by the change log; the shared cache would keep their bytes until they expire.
    cache.clear()
