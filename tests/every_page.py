"""An example of every page that readers can reach, for tests that check all of them."""

from django.urls import get_resolver, reverse

from posts.models import Post, Term
from posts.operations import withdraw_post
from posts.operations.preview_links import make_preview_link
from posts.related.related_posts import find_stale_related_posts
from tests.factories import approve, make_post, person

IMAGES = [
    {"source": "unsplash", "url": "https://images.unsplash.com/photo-1?w=1200", "caption": "A queue that drains"},
    {"source": "dummyimage.com", "url": "https://dummyimage.com/1200x630/111/fff.png&text=Drain", "caption": "Drain"},
    {"source": "elsewhere", "url": "https://elsewhere.example/a.jpg", "caption": "From a host that is not allowed"},
]
LONG_WORD = "x" * 300
BODY = (
    "## One\n\ntext "
    + LONG_WORD
    + "\n\n```python wide.py\nprint('"
    + "wide " * 60
    + "')\n```\n\n- a\n  - b\n    1. c\n\n"
    "## Two\n\n" + "| column " * 12 + "|\n" + "|--:" * 12 + "|\n" + "| 1 " * 12 + "|\n\n"
    "### Three\n\n> quoted\n\n[checklist]\n\n## Four\n\nthe very last words"
)
ARABIC = {
    "title": "كيف تعمل الطوابير",
    "intro": "مقدمة قصيرة.",
    "body": "## السبب\n\nنص طويل.\n\n```go\nx := 1\n```\n\n- أول\n\n## الحل\n\nنص.\n\n## الخاتمة\n\nنص.",
    "stack": ["قواعد البيانات"],
}
HOSTILE = '<img src=x onerror="alert(1)"> & "quoted" \' ]]> <!--'
# Routes that are not pages: files for programs, and redirects.
FOR_PROGRAMS = (
    "record",
    "card",
    "site-card",
    "logo",
    "upload",
    "feed",
    "json-feed",
    "rss",
    "facet-feed",
    "facet-json-feed",
    "sitemap",
    "robots",
    "security-txt",
    "api",
)


def full_post(**options):
    """Return a post with something in every field, some of it too long for its place."""
    return make_post(
        body=BODY,
        checklist=["tick", LONG_WORD],
        difficulty="advanced",
        reading_time=8,
        view_count=12345,
        score={"quality": 84, "clarity": 20.5},
        flags={"has_images": 1, "image_heavy": 0},
        ai_outline={"context": LONG_WORD, "problem": "none"},
        entities=[{"name": "Go", "type": "stack"}],
        payload={"generator": "g", "seed": 1, "deep": {"a": [{"b": [1, {"c": LONG_WORD}]}]}},
        notes=["n"],
        tools=[f"tool {number}" for number in range(25)],
        authors=["Jane Doe", LONG_WORD, *(f"Author {number}" for number in range(25))],
        published_on="2019-04-02",
        **options,
    )


def make_every_page(*, kinds=("stack",)):
    """Return {name: (address, words of its heading)} of every page type, with posts made for them.

    kinds: the kinds of terms whose lists are among them; all lists are one page type. Asks the resolver for the
    site's routes, and fails on one of which it knows no example.
    """
    waiting, approved = full_post(image_sources=IMAGES), full_post(image_sources=IMAGES[:2], released=True)
    flagged, bulk = make_post(released=True, flagged=True), approve(make_post(), is_bulk=True)
    withdraw_post(make_post(slug="withdrawn", released=True), by=person())
    arabic = make_post(released=True, language="ar", **ARABIC)
    hostile = make_post(released=True, title=HOSTILE, topic=HOSTILE, stack=[HOSTILE], tools=[HOSTILE], notes=[HOSTILE])
    for number in range(4):
        make_post(released=True, language="en", tags=["queues"], title=f"Draining in {number} steps")
    find_stale_related_posts()
    articles = {
        "waiting": waiting,
        "approved": approved,
        "flagged": flagged,
        "bulk": bulk,
        "right to left": arabic,
        "hostile": hostile,
        "among others": Post.objects.latest("pk"),
    }
    pages = {name: (post.get_absolute_url(), post.title) for name, post in articles.items()}
    _, last_part = make_preview_link(waiting.head_revision, by=person(), days=7, asks=True)
    pages["preview"] = (reverse("posts:preview", args=[last_part]), waiting.title)
    pages["404"] = ("/posts/nothing-here/", "Page not found")
    pages["410"] = ("/posts/withdrawn/", "This article was withdrawn")
    pages["report"] = (reverse("posts:report", args=[approved.slug]), "Report a problem")
    for route in get_resolver("posts.urls").url_patterns:
        arguments = set(route.pattern.converters)
        if route.name in ("detail", "report", "preview") or route.name.startswith(FOR_PROGRAMS):
            continue
        address = f"posts:{route.name}"
        if not arguments:
            pages[route.name] = (reverse(address), "")
        elif arguments == {"kinds"}:
            pages[route.name] = (reverse(address, kwargs={"kinds": "stacks"}), "")
        elif arguments == {"kinds", "slug"}:
            for kind in kinds:
                if term := Term.objects.with_list().most_used_first().filter(kind=kind).first():
                    kwargs = {"kinds": term.plural, "slug": term.slug}
                    pages[f"{route.name} {kind}"] = (reverse(address, kwargs=kwargs), "")
        else:
            raise AssertionError(f"Name an example of the route {route.name} in tests/every_page.py.")
    if "search" in pages:
        search = pages["search"][0]
        pages["search, found"] = (f"{search}?q=draining", "")
        pages["search, nothing found"] = (f"{search}?q=workrs+%3Ci%3E", "")
        pages["search, nothing alike"] = (f"{search}?q=zzyzx", "")
    return pages
