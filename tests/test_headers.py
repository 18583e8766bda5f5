"""The headers of every kind of response, byte for byte, and that no request header changes them."""

import json
import logging
import re

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, path, reverse

from posts.logs import JsonFormatter
from posts.operations import create_post, record_revision, withdraw_post
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import RecordFactory, approve, make_post, person

pytestmark = pytest.mark.django_db

HOSTS = "https://images.unsplash.com https://loremflickr.com https://dummyimage.com https://placehold.co"
# Written out, not computed: what the code says of itself proves nothing.
POLICY = (
    "default-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self'; style-src-attr 'none'; "
    "img-src {images} " + HOSTS + "; font-src 'self'; connect-src 'self'; manifest-src 'self'; media-src 'none'; "
    "object-src 'none'; frame-src 'none'; worker-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors {frames}"
)
PERMISSIONS = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), "
    "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=(), "
    "browsing-topics=()"
)
PUBLIC = {
    "Content-Security-Policy": POLICY.format(images="'self'", frames="'none'"),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
    "Cache-Control": "public, max-age=0, must-revalidate",
    "X-Robots-Tag": "noindex",
}
DESK = PUBLIC | {
    "Content-Security-Policy": POLICY.format(images="'self' data:", frames="'none'"),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
PREVIEW = DESK | {
    "Content-Security-Policy": POLICY.format(images="'self' data:", frames="'self'"),
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
}
# An admin page that shows previews in frames.
FRAMING = DESK | {
    "Content-Security-Policy": DESK["Content-Security-Policy"].replace("frame-src 'none'", "frame-src 'self'")
}
MACHINE = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=300",
    "X-Robots-Tag": "noindex",
}
MACHINE_ROUTES = {
    "feed/", "feed.json", "rss.xml", "sitemap.xml", "sitemaps/pages.xml", "sitemaps/articles-<int:number>.xml",
    "sitemaps/lists-<int:number>.xml",
}  # fmt: skip
# The picture of a shared link, which pages of other sites show.
PICTURE = MACHINE | {"Cache-Control": "public, max-age=3600"}
PICTURE_ROUTES = {"posts/<letters:slug>.png", "card.png", "logo.png"}
STATIC = MACHINE | {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
# The secret address of a preview link, also one that shows nothing.
LINK = PUBLIC | {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
# A reader's form: no cache keeps it, and it carries the token that shows whose form it is.
REPORT = PUBLIC | {"Cache-Control": "private, no-store", "Set-Cookie": "csrftoken"}
WATCHED = set(PUBLIC) | {"Strict-Transport-Security", "Server", "X-Powered-By", "Set-Cookie"}
# Pages that say of themselves that search engines may keep them, where there is an approved article.
OPEN_ROUTES = {
    "", "how-this-site-is-made/", "articles/", "<kinds:kinds>/", "posts/<letters:slug>/", "posts/<letters:slug>.json",
    "posts/<letters:slug>.png", "card.png", "logo.png",
    "api/posts/<letters:slug>/",
}  # fmt: skip


def opened(headers):
    """Return the headers of a page that search engines may keep."""
    return {name: value for name, value in headers.items() if name != "X-Robots-Tag"}


def headers_of(response):
    sent = {name: value for name, value in response.headers.items() if name in WATCHED}
    if response.cookies:
        sent["Set-Cookie"] = ", ".join(response.cookies)
    return sent


def all_routes(patterns=None, prefix=""):
    """Return every route of the site: (namespaced name or None, the pattern as it is written)."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        whole = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield whole
        else:
            yield from all_routes(entry.url_patterns, whole)


FILL = {"slug": "nothing-here", "object_id": "999999", "act": "withdraw", "content_type_id": "1", "id": "999999",
        "app_label": "posts", "url": "nothing", "kinds": "stacks", "name": "nothing", "pk": "999999",
        "kind": "refused", "reason": "draft", "number": "999999", "post_id": "999999",
        "run_id": "999999", "revision_id": "999999", "rest": "nothing", "source_id": "nothing",
        "one": "999998", "other": "999999", "token": "nothing"}  # fmt: skip


def address_of(route, post=None):
    """Return the address of a route; with `post`, that of something that exists."""
    fill = FILL | (
        {"slug": post.slug, "object_id": str(post.pk), "pk": str(post.pk), "number": str(post.pk // URLS_PER_FILE)}
        if post
        else {}
    )
    route = re.sub(r"\(\?P<app_label>[^)]*\)", "posts", route).removeprefix("^")
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: fill[found[1]], route)
    filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: fill[found[1]], route)
    return "/" + re.sub(r"[\^$\\?]", "", filled)


def kind_of(route, response):
    asks = response.request["REQUEST_METHOD"] != "OPTIONS"
    if route == "admin/account/passkey/" and asks and response.status_code in (200, 422):
        policy = DESK["Permissions-Policy"].replace("publickey-credentials-get=()", "publickey-credentials-get=(self)")
        return DESK | {"Permissions-Policy": policy}
    if route.startswith("admin/"):
        if response.status_code == 200 and route.endswith(("/compare/", "revision/<path:object_id>/change/")):
            return FRAMING
        is_preview = route.endswith(("/preview/", "/marked/")) and response.status_code == 200
        return PREVIEW if is_preview else DESK
    if route.startswith("preview/"):
        return LINK
    if route.startswith("api/v1/") and response.status_code == 401:
        return PUBLIC | {"Cache-Control": "no-store"}
    if route in MACHINE_ROUTES and response.status_code == 200:
        return MACHINE
    if route in PICTURE_ROUTES and response.status_code == 200:
        return PICTURE
    if route.endswith("/report/") and response.status_code in (200, 422):
        return REPORT
    return PUBLIC


def expected_headers(route, response):
    expected = kind_of(route, response)
    return opened(expected) if route in OPEN_ROUTES and response.status_code == 200 else expected


# A database has its say in what is read; what another method is answered is decided above it.
OTHER_METHODS = ("HEAD", "POST", "OPTIONS", "PUT", "DELETE", "TRACE", "BREW")


@pytest.mark.parametrize(
    ("method", "who"),
    [
        ("GET", "nobody"),
        ("GET", "an editor"),
        ("GET", "a superuser"),
        *(
            pytest.param(method, who, marks=pytest.mark.once)
            for method in OTHER_METHODS
            for who in ("nobody", "a superuser")
        ),
    ],
)
def test_every_address_answers_with_the_headers_of_its_kind(client, method, who):
    post = make_post(released=True)
    if who != "nobody":
        client.force_login(person("Editors") if who == "an editor" else User.objects.create_superuser("root"))
    seen = set()
    for route in all_routes():
        for address in {address_of(route), address_of(route, post)}:
            if "logout" in route and method == "POST":
                continue
            response = client.generic(method, address)
            assert response.status_code < 500, (method, address)
            sent = headers_of(response)
            sent.pop("Set-Cookie", None) if route.startswith("admin/") else None
            assert sent == expected_headers(route, response), (method, address, response.status_code)
            if method == "HEAD":
                assert b"".join(response) == b""
            if route.startswith("api/v1/") and method in ("PUT", "DELETE", "TRACE", "BREW"):
                assert response.status_code in (401, 405), (method, address)
            elif method in ("PUT", "DELETE", "TRACE", "BREW") and "<rest>" not in route:
                assert response.status_code == 405 and "GET" in response.headers["Allow"], (method, address)
            seen.add(response.status_code)
    if method == "GET":
        assert {200, 302, 404} | ({403} if who == "an editor" else set()) <= seen


def test_an_error_of_each_number_has_the_headers_of_a_page(client, settings):
    approved, withdrawn = make_post(released=True), make_post(released=True)
    withdraw_post(withdrawn, by=person())
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    for address, status in [
        (approved.get_absolute_url(), 200),
        (make_post().get_absolute_url(), 200),
        (withdrawn.get_absolute_url(), 410),
        ("/nothing", 404),
        ("/broken/400/", 400),
        ("/broken/403/", 403),
        ("/broken/429/", 429),
        ("/broken/500/", 500),
        ("/feed", 301),
    ]:
        response = client.get(address)
        assert response.status_code == status, address
        is_open = address == approved.get_absolute_url()
        assert headers_of(response) == (opened(PUBLIC) if is_open else PUBLIC), address
        assert "Traceback" not in response.content.decode()


def test_a_view_that_says_nothing_is_closed_to_search_engines_and_one_outside_the_pages_stays_closed(client, settings):
    settings.ROOT_URLCONF = __name__
    for address, is_open in [("/silent/", False), ("/open/", True), ("/open/?status=404", False),
                             ("/admin/open/", False), ("/healthz", False)]:  # fmt: skip
        assert ("X-Robots-Tag" not in client.get(address).headers) is is_open, address


def test_nothing_but_the_table_of_headers_and_the_base_of_pages_speaks_to_search_engines(settings):
    found = set()
    for folder, word in [("posts", r"headers.*X-Robots-Tag"), ("alphanode", "X-Robots-Tag"), ("templates", "robots")]:
        for file in (settings.BASE_DIR / folder).rglob("*"):
            if file.suffix in (".py", ".html") and re.search(word, file.read_text()):
                found.add(str(file.relative_to(settings.BASE_DIR)))
    # The audit reads what the others write.
    assert found == {"alphanode/headers.py", "alphanode/middleware.py", "templates/public/base.html"}


def test_a_form_without_its_token_is_refused_with_the_headers_of_the_admin(superuser):
    client = Client(enforce_csrf_checks=True)
    client.force_login(superuser)
    response = client.post("/admin/posts/post/add/", {"title": "t"})
    # The page gives the typed words back in a form with a token of its own.
    assert response.status_code == 403 and headers_of(response) == DESK | {"Set-Cookie": "csrftoken"}


@pytest.mark.parametrize("name", ["favicon.svg", "css/site.css", "fonts/archivo.woff2", "js/admin-form.js"])
def test_a_file_has_the_headers_of_a_file_and_a_missing_one_those_of_a_page(client, db, name):
    missing = client.get(f"/static/{name}.not-there")
    assert missing.status_code == 404 and headers_of(missing) == PUBLIC
    response = client.get(f"/static/{name}")
    assert response.status_code == 200
    assert headers_of(response) | {"Cache-Control": ""} == STATIC | {"Cache-Control": ""}
    response.close()


def test_an_answer_that_nothing_changed_carries_no_body_and_no_cookie(client):
    post = make_post(released=True)
    first = client.get(post.get_absolute_url())
    second = client.get(post.get_absolute_url(), headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content) == (304, b"") and not second.cookies


# Hosts and forwarded headers

ELSEWHERE = "elsewhere.example"
BAD_HOSTS = [
    ELSEWHERE, f"{ELSEWHERE}:80", f"localhost.{ELSEWHERE}", f"localhost@{ELSEWHERE}", f"{ELSEWHERE}#localhost",
    f"localhost/{ELSEWHERE}", f"localhost {ELSEWHERE}", f"localhost:80@{ELSEWHERE}", f"localhost:{ELSEWHERE}", "",
    "localhost:99999x", "[::1", "127.0.0.1.nip.io", "localhost..", "*", "%6cocalhost", "localhost\t", "xn--a",
    f'"><script src=//{ELSEWHERE}>', "0", "[::ffff:7f00:1]",
]  # fmt: skip
FORWARDED = [
    {"X-Forwarded-Host": ELSEWHERE},
    {"X-Forwarded-Server": ELSEWHERE},
    {"X-Host": ELSEWHERE},
    {"X-Original-Host": ELSEWHERE},
    {"X-HTTP-Host-Override": ELSEWHERE},
    {"Forwarded": f"host={ELSEWHERE};proto=http"},
    {"X-Forwarded-Proto": ELSEWHERE, "X-Forwarded-Port": "1337"},
    {"X-Forwarded-Prefix": f"/{ELSEWHERE}"},
    {"X-Original-URL": f"//{ELSEWHERE}/"},
    {"X-Rewrite-URL": f"//{ELSEWHERE}/"},
    {"X-Script-Name": f"/{ELSEWHERE}"},
    {"Referer": f"https://{ELSEWHERE}/"},
    {"Origin": f"https://{ELSEWHERE}"},
]
PAGES = ["/", "/feed/", "/sitemap.xml", "/robots.txt", "/admin/login/", "/nothing", "/posts/none/", "/posts/none.json"]


@pytest.mark.once
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_foreign_host_is_refused_and_named_nowhere(client, host, settings):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    post = make_post(released=True)
    for address in [*PAGES, post.get_absolute_url(), f"/posts/{post.slug}.json", "/static/favicon.svg", "/feed"]:
        response = client.get(address, headers={"Host": host})
        if not address.startswith("/static/"):  # a file is the same for any name
            assert response.status_code == 400, address
        assert ELSEWHERE not in whole(response)


@pytest.mark.once
@pytest.mark.parametrize("headers", FORWARDED, ids=lambda headers: next(iter(headers)))
def test_a_forwarded_host_changes_no_byte(client, headers, superuser):
    post = make_post(released=True)
    addresses = [*PAGES, post.get_absolute_url(), f"/posts/{post.slug}.json", "/feed", f"/posts/{post.slug}"]
    for address in addresses:
        plain, forged = client.get(address), client.get(address, headers=headers)
        assert forged.status_code == plain.status_code
        assert ELSEWHERE not in whole(forged) and ":1337" not in whole(forged)
        if "csrfmiddlewaretoken" not in plain.content.decode():
            assert forged.content == plain.content, address
    client.force_login(superuser)
    assert ELSEWHERE not in whole(client.get(reverse("admin:posts_post_change", args=[post.pk]), headers=headers))


def test_absolute_addresses_are_those_of_the_setting_whatever_host_was_asked(client, settings):
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://articles.example", ["localhost", "127.0.0.1"]
    post = make_post(released=True)
    for address in ["/", "/feed/", "/sitemap.xml", "/robots.txt", post.get_absolute_url()]:
        page = client.get(address, headers={"Host": "127.0.0.1"}).content.decode()
        assert "https://articles.example" in page
        assert "//127.0.0.1" not in page and "//localhost" not in page and "testserver" not in page


def whole(response):
    """Return everything of a response that a reader or a cache gets."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return "\n".join([*(f"{name}: {value}" for name, value in response.headers.items()), body.decode(errors="replace")])


# Caches


def test_what_a_person_with_rights_gets_is_never_kept_by_a_shared_cache(client, superuser):
    post, draft = make_post(released=True), make_post()
    client.force_login(superuser)
    for route in all_routes():
        if not route.startswith("admin/") or "logout" in route:
            continue
        for address in {address_of(route), address_of(route, draft)}:
            assert client.get(address).headers["Cache-Control"] == "private, no-store", address
    stranger = Client()
    for address in [*PAGES[:4], post.get_absolute_url(), draft.get_absolute_url(), f"/posts/{draft.slug}.json"]:
        mine, theirs = client.get(address), stranger.get(address)
        # A cache that took the first for the second shows it to everybody: they are the same bytes.
        assert (mine.content, mine.status_code) == (theirs.content, theirs.status_code), address
        for response in (mine, theirs):
            assert "Cookie" not in response.headers.get("Vary", "") and not response.cookies, address


# Drafts

CANARY = "kestrel-4127-canary"


def test_a_draft_typed_in_the_admin_is_found_nowhere_outside(client, superuser):
    author = person("Editors")
    listed = make_post(released=True, stack=["Go services"], topic="draining")
    record = RecordFactory(
        **dict.fromkeys(["slug", "body", "summary", "source_id"], CANARY),
        title=f"Draft {CANARY}",
        stack=["Go services", CANARY],
        topic="draining",
        tags=[CANARY],
        entities=[{"name": CANARY}],
        payload={CANARY: CANARY},
        image_sources=[{"url": f"https://images.unsplash.com/{CANARY}", "caption": CANARY}],
    )
    draft = create_post(record, by=author)
    assert CANARY in draft.slug
    edited = approve(make_post(slug="edited-one", title="Edited"))
    record_revision(edited, {**edited.working_record(), "body": CANARY, "title": CANARY}, by=author)
    desk = Client()
    desk.force_login(superuser)
    assert CANARY in whole(desk.get(reverse("admin:posts_post_preview", args=[draft.pk])))

    addresses = {address_of(route) for route in all_routes()} | {address_of(route, listed) for route in all_routes()}
    addresses |= {address_of(route, draft).replace(draft.slug, "none") for route in all_routes()}
    todo, done = sorted(addresses | {"/", edited.get_absolute_url(), "/posts/edited-one.json"}), set()
    while todo:
        address = todo.pop()
        if address in done or not address.startswith("/") or address.startswith("/static/"):
            continue
        done.add(address)
        for method, query in (("head", ""), ("options", ""), ("get", "?q=kestrel"), ("get", "?next=/"), ("get", "")):
            page = whole(getattr(client, method)(address + query))
            assert CANARY not in page, (method, address)
        todo += re.findall(r'(?:href|src)="(/[^"?#]*)', page)
        todo += re.findall(r"http://127\.0\.0\.1:8000(/[^<\"?#]*)", page)
    assert listed.get_absolute_url() in done

    for suffix in ("/", ".json", ""):
        mine, never = client.get(f"/posts/{draft.slug}{suffix}"), client.get(f"/posts/never-{'x' * 30}{suffix}")
        assert mine.status_code == never.status_code and mine.status_code in (404, 301)
        if suffix:
            assert mine.content == never.content and headers_of(mine) == headers_of(never)


# The log

FORGED = ["/a%0A{%22status%22:200}", "/a%0d%0aSet-Cookie:%20a=b", "/%1b[31mred", "/%E2%80%AEgnp.exe", "/%00", "/%ff%fe",
          "/a%2f..%2fb", "/%0b%0c%c2%85%e2%80%a8b"]  # fmt: skip


def test_no_address_and_no_header_forges_a_line_of_the_log(client, caplog):
    caplog.handler.setFormatter(JsonFormatter())
    with caplog.at_level(logging.INFO, logger="alphanode.request"):
        for address in FORGED:
            assert client.get(address, headers={"User-Agent": 'x\\n{"status":200}'}).status_code in (400, 404), address
        client.post(
            "/admin/login/?token=secret-in-a-query", {"username": "a\nb@mail.example", "password": "hunter2 hunter2"}
        )
    lines = caplog.text.splitlines()
    parsed = [json.loads(line) for line in lines]
    assert len(parsed) == len(FORGED) + 1
    assert all({"method", "path", "status", "ms", "route", "request_id"} <= set(line) for line in parsed)
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert not re.search(r"hunter2|secret-in-a-query|mail\.example|csrfmiddlewaretoken|sessionid", caplog.text)


def test_a_request_for_another_host_leaves_a_line_that_says_so_and_no_traceback(client, caplog):
    caplog.handler.setFormatter(JsonFormatter())
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    said = [json.loads(line) for line in caplog.text.splitlines() if "elsewhere.example" in line]
    assert said and not any("exception" in line for line in said)


def test_an_answer_names_the_request_as_the_log_does_and_tells_nothing_else(client, settings, caplog):
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    caplog.handler.setFormatter(JsonFormatter())
    with caplog.at_level(logging.INFO):
        response = client.get("/broken/500/")
    identifier = response.headers["X-Request-ID"]
    assert identifier in response.content.decode()
    logged = [json.loads(line) for line in caplog.text.splitlines()]
    assert {line.get("request_id") for line in logged} == {identifier}
    assert any("Traceback" in str(line.get("exception", "")) for line in logged)
    assert "RuntimeError" not in response.content.decode() and "a secret of ours" not in response.content.decode()


def _broken(request, number):
    if number == 400:
        raise SuspiciousOperation("a secret of ours")
    if number == 403:
        raise PermissionDenied
    if number == 429:
        return HttpResponse("later", status=429)
    raise RuntimeError("a secret of ours")


def _page(request):
    return HttpResponse("<p>", status=int(request.GET.get("status", 200)))


def _open_page(request):
    response = _page(request)
    response.is_indexable = True
    return response


urlpatterns = [
    path("broken/<int:number>/", _broken),
    path("silent/", _page),
    path("open/", _open_page),
    path("admin/open/", _open_page),
    *get_resolver("alphanode.urls").url_patterns,
]
handler400 = "posts.public.views.bad_request"
handler403 = "posts.public.views.forbidden"
handler404 = "posts.public.views.not_found"
handler500 = "posts.public.views.server_error"
