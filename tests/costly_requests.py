"""The worst request for each public address, for tests and for measurements on a full site."""

from urllib.parse import quote, urlencode

WORDS = " ".join(f"{letter}{number}" for number in range(60) for letter in "ab")[:200]
LONG = "x" * 2000
# A cursor of the middle of a list, and one that no list has.
FAR = "2026-01-01T00:00:00+00:00,5000"


def worst_requests(slug, terms):
    """Yield (name of the address, address) with the parameters that cost most.

    slug: of a listed post. terms: {plural of a kind: slug of its largest term}.
    """
    yield "home", "/?" + urlencode({"q": LONG})
    yield "article", f"/posts/{slug}/?{urlencode({'x': LONG})}"
    yield "article json", f"/posts/{slug}.json"
    yield "article card", f"/posts/{slug}.png"
    yield "report form", f"/posts/{slug}/report/"
    yield "list", "/articles/?" + urlencode({"older": FAR})
    yield "list, odd cursor", "/articles/?" + urlencode({"older": LONG})
    for kinds, term in terms.items():
        yield f"{kinds}", f"/{kinds}/"
        yield f"list of {kinds}", f"/{kinds}/{term}/?{urlencode({'older': FAR})}"
        yield f"feed of {kinds}", f"/{kinds}/{term}/feed/"
        yield f"json feed of {kinds}", f"/{kinds}/{term}/feed.json"
    chosen = {"stack": terms.get("stacks", "x"), "tool": terms.get("tools", "x")}
    for name, words in {
        "many words": WORDS,
        "stop words": "the of and to in is it " * 9,
        "one letter": "a",
        "a phrase": '"' + "the of the of " * 12 + '"',
        "no hit, misspelled": " ".join("wrker drainng quue lsot jbo".split() * 7),
        "exclusions": " ".join(f"-w{number}" for number in range(40)),
        "signs": "%_\\'\"()*:&|!<>~" * 12,
        "letters of all scripts": "ａé中文अ" * 30,
    }.items():
        yield f"search, {name}", "/search/?" + urlencode({"q": words})
    yield "search, filtered, far page", "/search/?" + urlencode({"q": "the", "page": 9999, **chosen})
    yield "search, far page", "/search/?" + urlencode({"q": "worker", "page": 9999})
    yield "api list", "/api/posts/?" + urlencode({"limit": 100})
    yield "api list by approval", "/api/posts/?" + urlencode({"limit": 100, "reviewed_since": "2000-01-01T00:00:00Z"})
    yield "api search", "/api/posts/?" + urlencode({"limit": 100, "q": WORDS})
    yield "api list, too much", "/api/posts/?" + urlencode({"limit": 10**9})
    yield "api post", f"/api/posts/{slug}/"
    yield "api document", "/api/openapi.json"
    for feed in ("/feed/", "/feed.json", "/rss.xml"):
        yield f"feed {feed}", feed
    for sitemap in ("/sitemap.xml", "/sitemaps/pages.xml", "/sitemaps/articles-1.xml", "/sitemaps/lists-1.xml"):
        yield f"sitemap {sitemap}", sitemap
    yield "sitemap that is not there", "/sitemaps/articles-999999.xml"
    yield "missing page", f"/posts/{quote('é' * 300)}/"
    yield "preview link", f"/preview/{'A' * 43}/"
    yield "how this site is made", "/how-this-site-is-made/"
    yield "sign-in page", "/admin/login/?" + urlencode({"next": LONG})
