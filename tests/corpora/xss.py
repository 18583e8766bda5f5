"""Payloads at every place where a stranger's text is shown, in a real Chromium that watches what runs.

What counts as having run: a dialog or another function that payloads call, a navigation that nobody asked for, a
request to any host but the allowed ones for pictures, a violation of the page's policy (markup came through, and only
the policy stopped it). The same watch sees the same payloads in bare pages first: it has to see most of those run that
are said to run. Then the bare pages again with the policy of a public page and nothing else between.
"""

import contextlib
import io
import json
import os
import random
import shutil
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.test.testcases import LiveServerThread
from django.urls import reverse
from playwright.sync_api import Error, sync_playwright

from alphanode.headers import header_table
from posts.accounts.session_store import SessionStore
from posts.importing.pipeline import import_posts
from posts.models import ImportBatch, ImportIssue, Post
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.corpora.tally import Tally
from tests.factories import approve, person

APPROVED_AT_ONCE = 20
# In the admin a post has at most so many, each as an item of every list; single fields have them one after another.
TOGETHER = 10
# Overrides what payloads call to show that they ran; the reports reach Python even when the page is gone after it.
WATCH = """(() => {
  const report = window.corpusReport;
  const said = what => { try { report(String(what)) } catch (error) { /* the page is going away */ } };
  for (const name of ["alert", "prompt", "confirm", "print", "open"])
    window[name] = () => said(name);
  const write = document.write.bind(document);
  document.write = (...text) => { said("document.write"); write(...text) };
  // Where Chromium shows XML, the style of its own view is what a policy stops.
  document.addEventListener("securitypolicyviolation", event => document.contentType === "text/html" &&
    said(`violation ${event.violatedDirective} of ${event.blockedURI}`));
})()"""


# What waits for a person is done to every element: its own handlers are called, its javascript: links are followed.
PROVOKE = """() => new Promise(done => {
  let found = 0;
  for (const element of document.querySelectorAll("*")) {
    for (const { name } of [...element.attributes])
      if (name.startsWith("on")) {
        found++;
        try { element.dispatchEvent(new Event(name.slice(2), { bubbles: true, cancelable: true })) } catch { continue }
      }
    const leads = element.href || element.getAttribute("xlink:href") || element.formAction || element.action;
    if (/^\\s*(javascript|data|vbscript):/i.test(leads?.baseVal ?? leads ?? "")) { found++; element.click?.() }
  }
  setTimeout(() => done(found), 15);
})"""


class Watch:
    """A page of Chromium, and what happened on it beside what was asked for."""

    def __init__(self, context, allowed):
        self.allowed = allowed
        self.ran, self.violations, self.foreign, self.broke, self.crashes = [], [], [], [], 0
        self.handlers = 0
        self.context, self.expected = context, ""
        context.expose_binding("corpusReport", lambda source, what: self._note(what))
        context.add_init_script(WATCH)
        self._open_page()

    def _open_page(self):
        self.page = self.context.new_page()
        self.page.on("dialog", self._asked)
        self.page.on("crash", self._crashed)
        self.page.on("popup", lambda popup: self._note("popup"))
        self.page.on("request", self._requested)
        self.page.on("response", self._answered)

    def _note(self, what):
        (self.violations if what.startswith("violation") else self.ran).append((self.expected, what))

    def _asked(self, dialog):
        # The warning of a form with unsaved words is the site's own.
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self._note(f"dialog {dialog.message!r}")
            dialog.dismiss()

    def _crashed(self, page):
        self.crashes += 1

    def _requested(self, request):
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob", "about"):
            return
        is_picture = request.resource_type == "image" and parts.scheme == "https" and parts.hostname in self.allowed
        if parts.netloc != self.home and not is_picture:
            self.foreign.append((self.expected, request.url))
        elif request.is_navigation_request() and request.frame == self.page.main_frame and not self.is_asking:
            self._note(f"navigation to {request.url}")

    def _answered(self, response):
        if response.status >= 500:
            self.broke.append(f"{response.status} {response.url}")

    def visit(self, address, then=None):
        """Open an address (and do `then(page)`), and stay until what was loaded had its chance to run."""
        self.home, self.expected, self.is_asking = urlsplit(address).netloc, address, True
        if self.crashes or self.page.is_closed():
            self._open_page()
        try:
            self.page.goto(address, wait_until="load", timeout=5_000)
            if then:
                then(self.page)
                self.page.wait_for_load_state("load")
        except Error as error:
            # A file in place of a page is not shown at all; anything else is worth knowing.
            if "Download is starting" not in str(error) and "net::ERR_ABORTED" not in str(error):
                self._note(f"no page: {str(error).splitlines()[0]}")
        self.is_asking = False
        with contextlib.suppress(Error):
            self.handlers += self.page.evaluate(PROVOKE)


class BarePages(BaseHTTPRequestHandler):
    """Serves payloads as whole bodies of pages: /raw/N without a policy, /policy/N with that of a public page."""

    payloads = ()

    def do_GET(self):
        _, kind, number = self.path.split("/")[:3] if self.path.count("/") >= 2 else ("", "", "")
        is_page = kind in ("raw", "policy") and number.isdigit()
        self.send_response(200 if is_page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if kind == "policy":
            self.send_header("Content-Security-Policy", header_table()["public"]["Content-Security-Policy"])
        self.end_headers()
        if is_page:
            body = self.payloads[int(number)].encode("utf-8", "replace")
            self.wfile.write(b"<!doctype html><title>bare</title><body>" + body)

    def log_message(self, *arguments):
        """Log nothing: thousands of pages are requested."""


def chosen_payloads(paths, count, seed):
    """Return `count` payloads (0: all), half of them such that ran in a bare page, if there are enough."""
    every = {
        entry["payload"]: entry.get("runs_unfiltered", False)
        for path in paths
        for entry in json.loads(path.read_text())
    }
    live = sorted(text for text, runs in every.items() if runs)
    other = sorted(text for text, runs in every.items() if not runs)
    if not count or count >= len(every):
        return live + other, len(live)
    chooser = random.Random(seed)
    chosen = chooser.sample(live, min(len(live), max(count // 2, count - len(other))))
    return chosen + chooser.sample(other, count - len(chosen)), len(chosen)


def record_of(source_id, payloads):
    """Return a record with the payloads in every field that has room for them."""
    texts = [payload.replace("\x00", "")[:2000] or "-" for payload in payloads]
    text, items = "\n\n".join(texts), list(dict.fromkeys(one.rstrip() or "-" for one in texts))
    line = " ".join(texts)[:300]
    inside = quote(text, safe="")[:1800]
    return {
        "source_id": source_id,
        "reference": text[:200],
        "title": line,
        "slug": source_id,
        "intro": text,
        "body": f"# {line}\n\n{text}\n\n[words]({text})\n\n[more](<{line}>)\n\n<{line}>\n\n![{line}]({line})\n\n"
        f"```{line}\n{text}\n```\n\n`{line}`\n\n| {line} |\n|---|\n| {line} |\n\n[ref]\n\n[ref]: {line}\n\n{text}",
        "topic": line,
        "summary": text,
        "ai_outline": {item: item for item in items},
        "ai_brief": text,
        "stack": items,
        "tools": items,
        "code_language": text[:100],
        "difficulty": text[:100],
        "revision": {"status": text[:100], "version": text[:100], "last_reviewed": text[:100], line: text},
        "flags": {"ai_generated_style": 1, line: text},
        "score": {"quality": 50, line: text},
        "checklist": items,
        "entities": [{"name": item[:300], "type": item[:100], line: item} for item in items],
        "image_sources": [
            {"source": line, "url": f"https://images.unsplash.com/{inside}?a={inside[:80]}", "caption": text[:1000],
             "alt": text[:1000], "licence": line},
            {"url": f"https://dummyimage.com/9x9/000/fff.png&text={inside[:1000]}", "caption": text[:1000]},
        ],
        "payload": {"generator": text, "seed": text, line: {item: [item] for item in items}},
        "notes": items,
        "authors": items,
        "tags": items,
        "language": text[:100],
        line + " ": text,
    }  # fmt: skip


def fill(payloads):
    """Import each payload in a post of its own, several in another, and in refused rows.

    Returns ([Post] with one payload, [Post] with TOGETHER of them).
    """
    for number, payload in enumerate(payloads):
        reason = f'{{"source_id": "r", "title": "t", "body": "b", "payload": {{{json.dumps(payload)}: 1e999}}}}'
        picture = {"source_id": f"url-{number}", "title": "t", "body": "b", "image_sources": [{"url": payload[:2000]}]}
        rows = [json.dumps(record_of(f"xss-{number}", [payload])), reason, json.dumps(picture)]
        import_posts(io.BytesIO("\n".join(rows).encode()), name=payload[:500].replace("\x00", ""))
    for start in range(0, len(payloads), TOGETHER):
        several = payloads[start : start + TOGETHER]
        bare = " ".join(several).replace("\n", " ")
        rows = [bare, json.dumps(record_of(f"several-{start}", several))]
        import_posts(io.BytesIO("\n".join(rows).encode("utf-8", "replace")), name=bare[:500].replace("\x00", ""))
    posts = Post.objects.order_by("pk")
    return list(posts.filter(source_id__startswith="xss-")), list(posts.filter(source_id__startswith="several-"))


def run(paths, options):
    """Visit every page that shows a payload; nothing may run, and the control has to."""
    tally = Tally("XSS payloads in every place, in Chromium")
    payloads, live = chosen_payloads(paths, options.payloads, options.seed)
    tally.count("payloads", len(payloads))
    tally.lines.append(f"seed {options.seed}; {live} of them ran in a bare page when they were collected")
    posts, several = fill(payloads)
    tally.count("taken into every place of a record", len(posts), of=len(payloads))
    tally.expect(len(posts) == len(payloads), "a payload made its record unacceptable")
    groups = -(-len(payloads) // TOGETHER)
    tally.count(f"records with {TOGETHER} of them", len(several), of=groups)
    tally.expect(len(several) == groups, "payloads together made their record unacceptable")
    tally.count(
        "rows refused with the payload in the reason or the row", ImportIssue.objects.filter(kind="refused").count()
    )
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not tally.expect(path, "Chromium is missing. On Debian and Ubuntu: apt-get install chromium"):
        return tally
    # Playwright runs an event loop in this thread; Django's database calls here are ordinary ones all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with _bare_server(payloads) as bare, _site() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM_ARGUMENTS, nowhere])
        _control(tally, browser, bare, payloads, live)
        _visit_site(tally, browser, site, payloads, posts, several)
        browser.close()
    return tally


@contextlib.contextmanager
def _bare_server(payloads):
    BarePages.payloads = payloads
    server = ThreadingHTTPServer(("127.0.0.1", 0), BarePages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def _site():
    thread = LiveServerThread("127.0.0.1", lambda handler: WSGIHandler())
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    settings.SITE_URL = f"http://127.0.0.1:{thread.port}"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    try:
        yield settings.SITE_URL
    finally:
        thread.terminate()


def _control(tally, browser, bare, payloads, live):
    for kind, what in [("raw", "in bare pages (control)"), ("policy", "in bare pages under the policy alone")]:
        watch = Watch(browser.new_context(), settings.IMAGE_HOSTS)
        ran = set()
        for number in range(len(payloads)):
            before = len(watch.ran) + len(watch.foreign)
            watch.visit(f"{bare}/{kind}/{number}")
            if len(watch.ran) + len(watch.foreign) > before:
                ran.add(number)
        if kind == "raw":
            tally.count(f"seen to run or to leave {what}", len(ran), of=len(payloads))
            tally.expect(len([n for n in ran if n < live]) >= live * 0.8, "the watch misses payloads that run")
        else:
            executed = [entry for entry in watch.ran if not entry[1].startswith(("navigation", "no page"))]
            tally.count(f"executed {what}", len(executed))
            tally.lines.append(
                f"  stopped by it: {len({address for address, _ in watch.violations})} pages; "
                f"asked for something elsewhere or left: {len({address for address, _ in watch.foreign})}"
            )
            for address, said in executed:
                tally.expect(False, f"{address}: {said}: {payloads[int(address.rpartition('/')[2])]!r}")
        watch.context.close()


def _visit_site(tally, browser, site, payloads, posts, several):
    allowed = set(settings.IMAGE_HOSTS)
    public, desk = browser.new_context(), browser.new_context()
    desk.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": _session(), "url": site}])
    visits = {}
    public, desk = Watch(public, allowed), Watch(desk, allowed)

    def visit(watch, place, address, then=None):
        visits[place] = visits.get(place, 0) + 1
        if sys.stderr.isatty():
            print(f"\r{sum(visits.values()):,} pages", end="", file=sys.stderr, flush=True)
        watch.visit(site + address, then)

    _visit_posts(partial(visit, public), partial(visit, desk), posts, several)
    _ask(partial(visit, public), partial(visit, desk), payloads)
    _visit_lists(partial(visit, desk))
    _visit_approved(partial(visit, public), partial(visit, desk), posts)
    _tell(tally, visits, public, desk)


def _visit_posts(read, work, posts, several):
    """Visit the pages of each post; read: as a reader; work: as somebody on the desk."""
    for post in posts:
        read("article", post.get_absolute_url())
        read("JSON of the record", reverse("posts:record", args=[post.slug]))
    for post in several:
        work("preview", reverse("admin:posts_post_preview", args=[post.pk]))
        form = reverse("admin:posts_post_change", args=[post.pk])
        work("form, then with errors, then a conflict", form, _send_wrong_and_stale)
        work("revision", reverse("admin:posts_revision_change", args=[post.head_revision_id]))


def _ask(read, work, payloads):
    """Send each payload in addresses, questions and forms."""
    for payload in payloads:
        raw = quote(payload.encode("utf-8", "replace"), safe="")[:2000]
        read("address that is not there, and question", f"/posts/{raw}/?q={raw}&page={raw}")
        work("question to the list of posts", f"{reverse('admin:posts_post_changelist')}?q={raw}")
    for start in range(0, len(payloads), TOGETHER):
        names = payloads[start : start + TOGETHER]
        read(f"{TOGETHER} names at the login", reverse("admin:login"), partial(_log_in, names=names))


def _visit_lists(work):
    """Visit what the import refused, and every page of the lists."""
    for issue in ImportIssue.objects.filter(line=1).values_list("pk", flat=True):
        work("refused row", reverse("admin:posts_importissue_change", args=[issue]))
    for name in ("post", "revision", "importissue", "importbatch", "auditentry"):
        for number in range(1, (_rows(name) - 1) // 50 + 2):
            work("lists of the desk", f"{reverse(f'admin:posts_{name}_changelist')}?p={number}")


def _visit_approved(read, work, posts):
    """Approve all posts, a few at a time, and visit the pages that name them."""
    reviewer = person()
    for start in range(0, len(posts), APPROVED_AT_ONCE):
        for post in posts[start : start + APPROVED_AT_ONCE]:
            approve(post, by=reviewer)
        for address in ("/", "/feed/", "/sitemap.xml", posts[start].get_absolute_url()):
            read("home, feed, sitemap, similar posts", address)
        work("first page of the desk", reverse("admin:index"))
    for name in ("release", "review"):
        for number in range(1, (len(posts) - 1) // 50 + 2):
            work("lists of the desk", f"{reverse(f'admin:posts_{name}_changelist')}?p={number}")


def _tell(tally, visits, public, desk):
    """Write into `tally` what both browsers saw."""
    tally.count("pages visited", sum(visits.values()))
    tally.lines += [f"  {place}: {number:,}" for place, number in visits.items()]
    ran, foreign, violations = (
        getattr(public, name) + getattr(desk, name) for name in ("ran", "foreign", "violations")
    )
    tally.count("executed", len(ran))
    tally.count("requests to foreign hosts", len(foreign))
    tally.count("stopped by the policy only", len(violations))
    tally.count("handlers and links that would run something", public.handlers + desk.handlers)
    tally.expect(not public.handlers + desk.handlers, "a page has handlers, or links that run something")
    tally.count("crashes of the browser", public.crashes + desk.crashes)
    tally.count("answers of 500 and over", len(public.broke) + len(desk.broke))
    for what in (*ran, *foreign, *violations, *public.broke, *desk.broke):
        tally.expect(False, str(what))
    tally.expect(not public.crashes + desk.crashes, "the browser crashed")


def _rows(name):
    models = {
        "post": Post,
        "revision": Post,
        "importissue": ImportIssue,
        "importbatch": ImportBatch,
        "auditentry": Post,
    }
    return models[name].objects.count()


def _session():
    """Return the session key of a superuser."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    root = User.objects.create_superuser("root-of-xss")
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(root.pk), root.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session.save()
    return session.session_key


def _send_wrong_and_stale(page):
    """Send the form of a post with an invalid field, then as if somebody else had saved meanwhile.

    The page must come back with all that was typed, then with both texts.
    """
    _send(page, "form.elements.title.value = ''")
    _send(page, "form.elements.head.value = '0'; form.elements.title.value = 'x'; form.elements.body.value += ' x'")


def _send(page, change):
    with page.expect_navigation(wait_until="load", timeout=5_000):
        page.evaluate(f"(() => {{ const form = document.getElementById('post-form'); {change}; form.submit() }})()")


def _log_in(page, names):
    for name in names:
        with page.expect_navigation(wait_until="load", timeout=5_000):
            page.evaluate(
                "name => { const form = document.getElementById('login-form'); form.elements.username.value = name; "
                "form.elements.password.value = name; form.submit() }",
                name,
            )
        page.evaluate(PROVOKE)
