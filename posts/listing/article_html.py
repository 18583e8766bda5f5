"""The HTML of a text: stored at release, cached before that, rendered once in either case.

If a stored text would render differently now, the background renders it again (posts/listing/rebuild_articles.py).
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, When
from django.utils.safestring import SafeString

from posts.models import Post, RenderedArticle, Revision
from posts.page_cache.shared_cache import cache_get, cache_set
from posts.rendering.file_links import lead_on
from posts.rendering.images import picture_rules
from posts.rendering.markdown import RENDERER_VERSION, Heading, RenderedText, render_text
from posts.rendering.picture_copies import Copies, with_copies

CACHE_SECONDS = 3600


def hosts_key() -> str:
    """Return sixteen hex digits for the pictures that pages may load, which a rendered page depends on."""
    return _digest(picture_rules())


@lru_cache(maxsize=8)
def _digest(rules: str) -> str:
    return hashlib.sha256(rules.encode()).hexdigest()[:16]


def rendering_key() -> dict[str, Any]:
    """Return what the HTML of every text depends on, as fields of a RenderedArticle."""
    return {"renderer_version": RENDERER_VERSION, "hosts_key": hosts_key()}


def _key(revision: Revision) -> dict[str, Any]:
    return {"fingerprint": revision.fingerprint, **rendering_key()}


def store_article(revision: Revision) -> None:
    """Store the HTML of a released text, so that no reader waits for its rendering."""
    RenderedArticle.objects.get_or_create(**_key(revision), defaults=rendered_fields(revision))


def rendered_fields(revision: Revision) -> dict[str, Any]:
    """Return the fields of a RenderedArticle that are made from a text."""
    rendered = render_text(revision.snapshot, image_hosts=tuple(settings.IMAGE_HOSTS))
    return {"html": str(rendered.html), "contents": [[h.level, h.id, h.text] for h in rendered.contents]}


def with_stored_article(posts: QuerySet[Post], *, unless: Q | None = None) -> QuerySet[Post]:
    """Annotate a queryset of posts with `stored_html` and `stored_contents` of their live text.

    unless: a condition on a post that needs neither.
    """
    stored = RenderedArticle.objects.filter(fingerprint=OuterRef("live_revision__fingerprint"), **rendering_key())
    html, contents = (Subquery(stored.values(name)[:1]) for name in ("html", "contents"))
    if unless is None:
        return posts.annotate(stored_html=html, stored_contents=contents)
    return posts.annotate(
        stored_html=Case(When(unless, then=None), default=html),
        stored_contents=Case(When(unless, then=None), default=contents),
    )


def stored_articles(fingerprints: Iterable[str]) -> dict[str, str]:
    """Return {fingerprint: stored HTML} of those of the texts whose HTML is stored, in one query."""
    stored = RenderedArticle.objects.filter(fingerprint__in=fingerprints, **rendering_key())
    return dict(stored.values_list("fingerprint", "html"))


def rendered_article(
    revision: Revision,
    *,
    targets: Mapping[str, str],
    copies: Copies | None = None,
    stored_html: str | None = None,
    stored_contents: list[list[Any]] | None = None,
) -> RenderedText:
    """Return the RenderedText of `revision`: stored if given, else cached, else rendered and cached.

    targets: {address in the text: address here} of links to other posts. They are not part of the stored HTML, because
    posts come, move and go. copies: with IMAGES=copy, those of the pictures that readers may see; None where a person
    looks at what a host has now, as in a preview.

    Writes nothing to the database, so a GET never takes SQLite's write lock.
    """
    if stored_html is not None:
        html, contents = stored_html, stored_contents or []
    else:
        key = "article:{fingerprint}:{renderer_version}:{hosts_key}".format(**_key(revision))
        match cache_get(key):
            case [str() as html, list() as contents]:
                pass
            case _:
                html, contents = rendered_fields(revision).values()
                cache_set(key, (html, contents), CACHE_SECONDS)
    # The stored HTML came from the sanitizer; nothing else writes it.
    html = lead_on(html, targets)
    if copies is not None:
        html = with_copies(html, copies)
    return RenderedText(html=SafeString(html), contents=[Heading(*heading) for heading in contents])
