"""Preview links: people without an account read one text of a post, and may say what they think of it."""

import datetime
import hashlib
import hmac
import secrets

from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import NotAllowed, Refused, checked_words, require_person
from posts.models import Post, PreviewAnswer, PreviewLink, Revision
from posts.operations.allowances import network_of, use_one
from posts.operations.frame import changing, operation

DAYS = (1, 3, 7, 14, 30)
# Of one post, at one time.
MOST_OPEN = 20
MOST_ANSWERS = 20
ANSWERS_A_DAY_FROM_ONE_ADDRESS = 10
VIEWS_A_DAY_OF_ONE_LINK = 500
MISSES_A_DAY_FROM_ONE_ADDRESS, MISSES_A_DAY_WITHOUT_ADDRESS = 100, 10_000
PURPOSE_LENGTH, NAME_LENGTH, WORDS_LENGTH = 200, 100, 2000
_SELECTOR_LENGTH = 16
# Compared in place of a row that is not there, so that both answers take the same time.
_NO_HASH = "0" * 64


class NoOpenLink(Exception):
    """Nothing is open under this address: it is wrong or incomplete, or the link expired or was revoked."""


class TooManyPreviews(Refused):
    """Today's number is used up; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("There were too many requests today. Try again tomorrow.")


def may_link(person: User) -> bool:
    """Return whether a person may make and revoke preview links: who edits or decides."""
    return person.has_perm("posts.change_post") or person.has_perm("posts.review_post")


def _require_link_maker(by: User | None) -> None:
    require_person(by, "view_revision")
    if by is not None and not may_link(by):
        raise NotAllowed("Only people who edit or review posts may make and revoke preview links.")


@operation
def make_preview_link(
    revision: Revision, *, by: User, days: int, purpose: str = "", asks: bool = False
) -> tuple[PreviewLink, str]:
    """Make a link that shows exactly `revision` for so many days; return (PreviewLink, the last part of its address).

    The site stores only a hash, so nobody can see the address again. asks: whether it asks for an answer.
    """
    _require_link_maker(by)
    purpose = checked_words(purpose, name="The purpose", limit=PURPOSE_LENGTH)
    if days not in DAYS:
        raise Refused("Choose how long the link works.")
    with changing(revision.post, by=by, ranks=False) as change:
        post = change.post
        if post.withdrawn_at:
            raise Refused("The post is withdrawn, so a link to it would show nothing.")
        now = timezone.now()
        if post.preview_links.filter(revoked_at=None, expires_at__gt=now).count() >= MOST_OPEN:
            raise Refused(f"This post has {MOST_OPEN} open preview links. Revoke one of them first.")
        selector, secret = secrets.token_hex(_SELECTOR_LENGTH // 2), secrets.token_urlsafe(32)
        link = PreviewLink.objects.create(
            post=post,
            revision=revision,
            selector=selector,
            secret_hash=_hash(secret),
            purpose=purpose,
            asks=asks,
            made_by=by,
            made_at=now,
            expires_at=now + datetime.timedelta(days=days),
        )
        change.note("preview link made", revision=revision, detail=f"for {days} days. {purpose}".strip())
        return link, selector + secret


@operation
def revoke_preview_link(link: PreviewLink, *, by: User) -> PreviewLink:
    """End a preview link at once; return it. Answers that came by it are kept."""
    _require_link_maker(by)
    with changing(link.post, by=by, ranks=False) as change:
        link = PreviewLink.objects.select_related("revision").get(pk=link.pk)
        if link.revoked_at:
            raise Refused("This link is already revoked.")
        link.revoked_at, link.revoked_by = timezone.now(), by
        link.save(update_fields=["revoked_at", "revoked_by"])
        change.note("preview link revoked", revision=link.revision, detail=link.purpose)
        return link


def open_preview(token: str, *, address: str, now: datetime.datetime | None = None) -> PreviewLink:
    """Return the open PreviewLink with its post and text for the last part of an address.

    Raises NoOpenLink, which never says why, and TooManyPreviews for a sender who tries many addresses and for a link
    that is opened very often. address: where the request came from, or "".
    """
    now = now or timezone.now()
    link = _find(token)
    if link is None:
        network = network_of(address)
        allowance = MISSES_A_DAY_FROM_ONE_ADDRESS if network else MISSES_A_DAY_WITHOUT_ADDRESS
        if wait := use_one(f"preview miss {network}", allowance, now=now):
            raise TooManyPreviews(wait)
        raise NoOpenLink
    if wait := use_one(f"preview {link.pk}", VIEWS_A_DAY_OF_ONE_LINK, now=now):
        raise TooManyPreviews(wait)
    return link


def _find(token: str) -> PreviewLink | None:
    selector, secret = token[:_SELECTOR_LENGTH], token[_SELECTOR_LENGTH:]
    links = PreviewLink.objects.select_related("revision").filter(selector=selector)
    link = links.first() if selector.isascii() and selector.isalnum() else None
    is_right = hmac.compare_digest(_hash(secret), link.secret_hash if link else _NO_HASH)
    if link is None or not is_right or not link.is_open:
        return None
    is_withdrawn = Post.objects.filter(pk=link.post_id, withdrawn_at__isnull=False).exists()
    return None if is_withdrawn else link


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


@operation
def answer_preview(
    link: PreviewLink,
    *,
    agrees: bool,
    name: str,
    words: str = "",
    address: str,
    now: datetime.datetime | None = None,
) -> PreviewAnswer:
    """Keep what somebody with a link says about its text; return the PreviewAnswer. It decides nothing.

    address: where the request came from, or "".
    """
    name = " ".join(checked_words(name, name="Your name", limit=NAME_LENGTH).split())
    words = checked_words(words, name="The text", limit=WORDS_LENGTH)
    if not name:
        raise Refused("Enter your name.")
    if not agrees and not words:
        raise Refused("Say what you object to.")
    with changing(link.post, by=None, ranks=False) as change:
        link = PreviewLink.objects.select_related("revision").get(pk=link.pk)
        if not (link.is_open and link.asks) or change.post.withdrawn_at:
            raise Refused("This link no longer takes answers.")
        if link.answers.count() >= MOST_ANSWERS:
            raise Refused("This link has as many answers as it can take. Ask for another link.")
        _count_answer(address, now or timezone.now())
        answer = PreviewAnswer.objects.create(link=link, agrees=agrees, name=name, words=words)
        change.note("preview answered", revision=link.revision, detail=str(answer))
        return answer


def _count_answer(address: str, now: datetime.datetime) -> None:
    # Without an address all people would share one allowance; each link has one of its own.
    network = network_of(address)
    if network and (wait := use_one(f"preview answer {network}", ANSWERS_A_DAY_FROM_ONE_ADDRESS, now=now)):
        raise TooManyPreviews(wait)


def answers_about(post: Post, limit: int = 20) -> list[PreviewAnswer]:
    """Return the newest PreviewAnswers about any text of `post`, with their links and texts, in one query."""
    answers = PreviewAnswer.objects.filter(link__post=post.pk).select_related("link__revision")
    return list(answers.defer("link__revision__snapshot").order_by("-pk")[:limit])
