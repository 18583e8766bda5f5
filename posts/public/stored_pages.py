"""Makes the finished pages that web processes read from the database, after every change and for the whole archive.

One run marks the pages of everything that the change log names since the last run, makes the marked ones again, and
goes on with its walk through all live posts, newest first. Requests only read (posts.page_cache.stored).
"""

import io
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from urllib.parse import unquote, urlsplit

import brotli
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from posts.db.change_log import EVERYTHING, LISTS, SWITCHES, Changes, changes_since, posts_named
from posts.db.keyset import in_chunks
from posts.models import Post, StoredPage, StoredPageKey, StoredPageState, Term
from posts.page_cache import may_be_cached
from posts.page_cache.edition import edition
from posts.page_cache.freshness import Snapshot
from posts.page_cache.page import Page
from posts.page_cache.policy import BY_BACKGROUND
from posts.page_cache.stored import is_our_host, oldest_reading
from posts.public import sitemaps
from posts.public.lists import KINDS

CHUNK = 25
# The most rows of the change log for one run; after more, every page is made again.
MOST_CHANGES = 20_000
# So many keys are looked for in one query.
KEYS_AT_ONCE = 500
# The lists with the most posts, of which the first page and the feeds are stored.
LISTS_STORED = 100
# A compressed page that is larger is made for each reader. An article of 53 kB has 9 kB.
MOST_BYTES = 1_000_000
# Half as much again as for a reader who waits (posts.page_cache.encodings), and a tenth smaller.
QUALITY = 5
# So old a page is made again, whatever the change log says.
RENEWED_AFTER = timedelta(days=7)
# So long the previous version of the site may return and find its pages.
KEPT = timedelta(days=1)
_BEYOND = 2**63 - 1


def store_pages(*, seconds: float = 30, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Bring the stored pages up to date for about `seconds`; return how many were made. The next call continues.

    Where ALLOWED_HOSTS does not name the host of SITE_URL, Django has no pages for it, and none are stored.
    on_checkpoint: called between sets, when all work is committed; may raise.
    """
    if not (
        settings.STORED_PAGES and settings.PAGE_CACHE_MB and is_our_host(urlsplit(settings.SITE_URL).hostname or "")
    ):
        return 0
    own, ends, count = edition(), time.monotonic() + seconds, 0
    _mark_changed(own)
    stale = StoredPage.objects.filter(edition=own, is_stale=True).values_list("pk", "path")
    for rows in in_chunks(stale, size=CHUNK):
        count += _store(own, [path for _, path in rows])
        on_checkpoint()
        if time.monotonic() > ends:
            return count
    while (some := _walk(own)) is not None:
        count += _store(own, some)
        on_checkpoint()
        if time.monotonic() > ends:
            break
    return count


def forget_other_pages(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete the pages of other editions a day after all of this one were stored; return their number.

    With STORED_PAGES off, every page is deleted.
    """
    others = StoredPage.objects.all()
    if settings.STORED_PAGES:
        own = StoredPageState.objects.filter(edition=edition(), walked_at__lt=timezone.now() - KEPT).first()
        if own is None:
            return 0
        others = others.exclude(edition=own.edition)
        StoredPageState.objects.exclude(pk=own.pk).delete()
    else:
        StoredPageState.objects.all().delete()
    count = 0
    for found in in_chunks(others.values_list("pk", flat=True), size=10 * CHUNK):
        on_checkpoint()
        StoredPageKey.objects.filter(page__in=found).delete()
        count += StoredPage.objects.filter(pk__in=found).delete()[0]
    return count


# What has to be made


@transaction.atomic
def _mark_changed(own: str) -> None:
    """Mark the pages of what changed since the last call, and add those of new posts."""
    state = _locked_state(own)
    changes = changes_since(state.horizon, limit=MOST_CHANGES)
    pages, keys = StoredPage.objects.filter(edition=own), _keys(changes)
    if changes.horizon < state.horizon:
        # The database was restored elsewhere: its positions don't continue.
        StoredPageKey.objects.filter(page__in=pages).delete()
        pages.delete()
        state.floor, state.next_post = changes.horizon, _BEYOND
    elif SWITCHES in keys or state.read_at < oldest_reading():
        # All pages show something that changed, or may: rows were deleted from the log before they were read here.
        state.floor, state.next_post = changes.newest + 1, _BEYOND
    elif state.next_post is None and state.walked_at and state.walked_at < timezone.now() - RENEWED_AFTER:
        state.next_post = _BEYOND
    state.horizon, state.read_at = changes.horizon, timezone.now()
    state.save()
    site = _site_paths()
    _add(own, site)
    pages.filter(path__in=site, position__lt=state.floor).update(is_stale=True)
    for some in _in_parts(sorted(keys), KEYS_AT_ONCE):
        pages.filter(pk__in=StoredPageKey.objects.filter(key__in=some).values("page")).update(is_stale=True)
        _add(own, _paths(_posts_of_keys(some)))


def _locked_state(own: str) -> StoredPageState:
    """Return the state of an edition, locked; a new one begins now, with a walk through all posts."""
    state = StoredPageState.objects.select_for_update().filter(edition=own).first()
    if state is None:
        now = changes_since(_BEYOND).horizon
        StoredPageState.objects.bulk_create(
            [StoredPageState(edition=own, horizon=now, floor=now, read_at=timezone.now(), next_post=_BEYOND)],
            ignore_conflicts=True,
        )
        state = StoredPageState.objects.select_for_update().get(edition=own)
    return state


def _keys(changes: Changes) -> set[str]:
    if changes.rows is None:
        return set(EVERYTHING.split())
    return set().union(*(keys for _, _, keys in changes.rows))


def _site_paths() -> list[str]:
    """Return the paths of the pages that every reader and program asks for first."""
    names = ["home", "articles", "how", "feed", "json-feed", "rss", "sitemap"]
    paths = [reverse(f"posts:{name}") for name in names]
    paths += sitemaps.files()
    terms = list(Term.objects.with_list().order_by("-listed_count", "pk")[:LISTS_STORED])
    paths += [reverse("posts:kind", args=[plural]) for plural in KINDS if any(term.plural == plural for term in terms)]
    for term in terms:
        paths += [reverse(f"posts:{name}", args=[term.plural, term.slug]) for name in ("facet", "facet-feed")]
    return list(map(unquote, paths))


def _posts_of_keys(keys: Iterable[str]) -> list[str]:
    """Return the slugs of the live posts among those that keys name."""
    if not (numbers := posts_named(keys)):
        return []
    return list(Post.objects.filter(pk__in=numbers, live_revision__isnull=False).values_list("slug", flat=True))


def _paths(slugs: Iterable[str]) -> list[str]:
    return [unquote(reverse(f"posts:{name}", args=[slug])) for slug in slugs for name in ("detail", "record")]


def _add(own: str, paths: Sequence[str]) -> None:
    """Add the paths that have no page yet."""
    known = set(StoredPage.objects.filter(edition=own, path__in=paths).values_list("path", flat=True))
    new = [StoredPage(edition=own, path=path) for path in dict.fromkeys(paths) if path not in known]
    StoredPage.objects.bulk_create(new, ignore_conflicts=True)


def _walk(own: str) -> list[str] | None:
    """Return which paths of the next posts have no good page; None when the walk is complete."""
    with transaction.atomic():
        state = _locked_state(own)
        if state.next_post is None:
            return None
        posts = Post.objects.filter(live_revision__isnull=False, pk__lt=state.next_post).order_by("-pk")
        found = list(posts.values_list("pk", "slug")[:CHUNK])
        state.next_post = found[-1][0] if found else None
        if not found:
            state.walked_at = timezone.now()
        state.save()
    paths = _paths(slug for _, slug in found)
    good = StoredPage.objects.filter(edition=own, path__in=paths, is_stale=False, position__gte=state.floor)
    good = good.filter(made_at__gte=timezone.now() - RENEWED_AFTER)
    known = set(good.values_list("path", flat=True))
    return [path for path in paths if path not in known] if found else None


def _in_parts(values: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (values[start : start + size] for start in range(0, len(values), size))


# How it is made


def _store(own: str, paths: Sequence[str]) -> int:
    """Make the pages at `paths` and store them; return how many there are. A path without a page that lasts goes."""
    if not paths:
        return 0
    moment = changes_since(_BEYOND)
    made = {path: row for path in paths if (row := _made(own, path, moment.horizon)) is not None}
    with transaction.atomic():
        if _locked_state(own).horizon > moment.horizon:
            # Another worker marked changes meanwhile, of which these pages know nothing.
            return 0
        StoredPageKey.objects.filter(page__edition=own, page__path__in=paths).delete()
        StoredPage.objects.filter(edition=own, path__in=set(paths) - set(made)).delete()
        changing = [field.name for field in StoredPage._meta.fields if field.name not in ("id", "edition", "path")]
        rows = StoredPage.objects.bulk_create(
            made.values(), update_conflicts=True, unique_fields=["edition", "path"], update_fields=changing
        )
        StoredPageKey.objects.bulk_create(
            StoredPageKey(page=row, key=key) for row in rows for key in row.keys.split() if key != SWITCHES
        )
    return len(made)


def _made(own: str, path: str, horizon: int) -> StoredPage | None:
    """Return the row of the page at `path`, or None if no cache keeps its answer, or only until the next release."""
    response = _handler().get_response(WSGIRequest(_environ(path)))
    policy = getattr(response, "cache_policy", None)
    headers = list(response.items())
    body = b"".join(response)
    is_whole = may_be_cached(f"{response.status_code} ", headers) and not response.cookies
    if policy is None or not is_whole or (policy.route == "posts:detail" and LISTS in policy.keys):
        return None
    page = Page.of(headers, body, policy=policy, moment=Snapshot(0, horizon))
    small = brotli.compress(body, quality=QUALITY)
    if len(small) > MOST_BYTES:
        return None
    return StoredPage(
        edition=own,
        path=path,
        is_stale=False,
        position=horizon,
        keys=" ".join(sorted(page.keys)),
        headers=page.headers,
        etag=page.etag,
        last_modified=page.last_modified,
        route=page.route,
        seconds=policy.seconds,
        body=small,
        made_at=timezone.now(),
    )


@cache
def _handler() -> BaseHandler:
    """Return Django with the middleware of the site. It answers without the signals around a request of a server.

    They would end the database connection of the job.
    """
    handler = BaseHandler()
    handler.load_middleware()
    return handler


def _environ(path: str) -> dict[str, object]:
    site = urlsplit(settings.SITE_URL)
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": "",
        "SERVER_NAME": site.hostname or "",
        "SERVER_PORT": str(site.port or (443 if site.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": site.netloc,
        "HTTP_X_FORWARDED_PROTO": site.scheme,
        "HTTP_X_FORWARDED_FOR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": site.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        BY_BACKGROUND: True,
    }
