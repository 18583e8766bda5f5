"""Every page and a hundred awkward posts in a real Chromium, at widths and in modes that CI has no time for."""

from pprint import pformat

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from posts.content_checks.scan import scan_new_texts
from posts.models import Post, ReaderReport, Term
from posts.operations import decide
from posts.operations.review import Decision
from posts.review_queue.ranking import rank_queue
from posts.synthesis.plants import KINDS, synthesize_planted
from tests.browser.axe import violations
from tests.browser.test_admin_pages import HARD_RECORD
from tests.browser.test_review_pages import busy_post, sign_in
from tests.every_page import full_post, make_every_page
from tests.factories import approve, import_records, make_post, person
from tests.posts_in_every_state import fill

pytestmark = pytest.mark.torture

PLAN = {kind: 0.9 / len(KINDS) for kind in KINDS}
PLANTED = 100
ROWS_OF_TWO_LISTS = 30
WALKS = {
    "320 light": {"width": 320, "scheme": "light"},
    "320 dark": {"width": 320, "scheme": "dark"},
    "768 light": {"width": 768, "scheme": "light"},
    "1920 dark": {"width": 1920, "scheme": "dark"},
    "320 without JavaScript": {"width": 320, "java_script_enabled": False},
    "1280 in forced colours": {"width": 1280, "forced_colors": "active"},
}
FITS = "document.documentElement.scrollWidth <= innerWidth"
OPEN = "document.querySelectorAll('details').forEach((fold) => { fold.open = true })"
# A4 within the margins that the style sheet asks for.
PAPER_WIDTH = 680
# What a printed page would cut off: it can neither scroll nor unfold. The frame of an image cuts on purpose.
CUT_ON_PAPER = """() => {
    const cut = [...document.querySelectorAll("main *")].filter((element) => {
        const style = getComputedStyle(element);
        return style.display !== "inline" && style.overflowX !== "visible" && element.clientWidth > 1
            && element.scrollWidth > element.clientWidth + 1 && !element.closest(".figure__frame, .placeholder-frame");
    });
    const folded = [...document.querySelectorAll("main details > :not(summary)")].filter(
        (element) => !element.closest(".contents, .filters") && !element.checkVisibility()
    );
    return [...cut, ...folded].map((element) => element.outerHTML.slice(0, 120));
}"""
# What Tab has to reach: of radio buttons with one name a single one.
STOPS = """() => {
    const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const stops = [...document.querySelectorAll(all)].filter(
        (element) => !element.disabled && element.tabIndex >= 0
            && element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true})
    );
    window.walked = new Set();
    window.unwalked = () => stops.filter((element) => {
        const group = element.type === "radio" ? [...document.getElementsByName(element.name)] : [element];
        return !group.some((one) => walked.has(one));
    }).map((element) => element.outerHTML.slice(0, 120));
    return stops.length;
}"""
# Where the focus is now: null where it was before, else what is wrong with it. The focus must be in view and
# uncovered, and its outline must differ from the background. Between the last stop and the first the body has it, and
# may have it before the last if a page begins in a field.
LOOK = """() => {
    const at = document.activeElement;
    // These have stops of their own inside: the way through them goes on. What a frame shows is a page of its own.
    if (at === window.before && at.matches("iframe, [type=date], [type=time]")) return [];
    window.before = at;
    if (walked.has(at)) return null;
    walked.add(at);
    if (at === document.body) return [];
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [red, green, blue] = numbers(colour).map((part) => {
            part /= 255;
            return part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
        });
        return .2126 * red + .7152 * green + .0722 * blue;
    };
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor, alpha = numbers(colour)[3] ?? 1;
            if (alpha) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    const style = getComputedStyle(at), wrong = [];
    const ground = behind(parseFloat(style.outlineOffset) < 0 ? at : at.parentElement);
    const [dark, bright] = [light(style.outlineColor), light(ground)].sort((one, other) => one - other);
    const hasLine = ["solid", "auto"].includes(style.outlineStyle) && parseFloat(style.outlineWidth) >= 2;
    if (!hasLine && !at.matches("iframe")) wrong.push("no line");
    else if (hasLine && (bright + .05) / (dark + .05) < 3) wrong.push(`${style.outlineColor} on ${ground}`);
    const shares = [.05, .25, .5, .75, .95];
    const isSeen = [...at.getClientRects()].some((box) => {
        const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
        const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
        return right > left && bottom > top && shares.some((down) => shares.some((across) => at.contains(
            document.elementFromPoint(left + across * (right - left), top + down * (bottom - top)))));
    });
    if (!isSeen) wrong.push("out of sight");
    return wrong.length ? [`${wrong.join(", ")}: ${at.outerHTML.slice(0, 120)}`] : [];
}"""


@pytest.fixture
def pages(browser_page, settings):
    """Return {name: address} of every page type that readers can reach, with an article in each state."""
    settings.DEBUG = False
    # The site, and addresses that break on purpose.
    settings.ROOT_URLCONF = "tests.test_public_pages"
    pages = {name: address for name, (address, _) in make_every_page(kinds=Term.Kind.values).items()}
    asked = full_post()
    decide(
        asked,
        Decision(outcome="changes_requested", fingerprint=asked.head_revision.fingerprint, comment="Shorter."),
        by=person(),
    )
    posts = [asked, approve(full_post(), release=False), *Post.objects.visible().filter(slug__in=fill().values())]
    pages |= {f"article {post.pk}": post.get_absolute_url() for post in posts}
    for number in range(ROWS_OF_TWO_LISTS):
        make_post(released=True, title=f"Herons in {number} rows", difficulty="advanced", tags=["herons"])
    filters = "difficulty=advanced&stack=backend"
    return pages | {
        "list, narrowed": f"{reverse('posts:articles')}?{filters}",
        "list, narrowed to nothing": f"{pages['facet stack']}?difficulty=advanced&tag=queues",
        "search, more than a page": f"{pages['search']}?q=herons",
        "search, narrowed": f"{pages['search']}?q=herons&{filters}",
        "search, narrowed to nothing": f"{pages['search']}?q=herons&tag=queues",
        "report, sent": f"{pages['report']}?sent",
        "400": "/senseless/",
        "403": "/refused/",
        "500": "/broken/",
        "sign-in": reverse("admin:login"),
    }


@pytest.fixture
def addresses(pages):
    """Return those of every page type, and of a hundred posts with what goes wrong in records."""
    import_records(*(synthesize_planted(seed, PLAN)[0] for seed in range(1, PLANTED + 1)))
    planted = Post.objects.visible().filter(source_id__startswith="synth-")
    assert planted.count() == PLANTED
    return [*pages.values(), *(post.get_absolute_url() for post in planted)]


@pytest.fixture
def desk(pages, superuser):
    """Return {name: address} of every page type of the desk, for somebody who may do everything."""
    scan_new_texts()
    rank_queue()
    post, busy = Post.objects.get(slug=pages["waiting"].split("/")[2]), busy_post()
    hard = import_records(HARD_RECORD, {"title": "Refused"})
    at = {
        name: reverse(f"admin:{name}")
        for name in (
            "index", "password_change", "queue", "queue_risk_score", "queue_keys", "posts_post_add",
            "posts_importbatch_new", "auth_user_add",
        )
    }  # fmt: skip
    lists = (
        "auditentry formerslug importbatch importissue job jobrun post readerreport release review reviewflag revision "
        "scheduledrelease"
    )
    at |= {f"list of {name}": reverse(f"admin:posts_{name}_changelist") for name in lists.split()}
    at |= {
        "post": reverse("admin:posts_post_change", args=[post.pk]),
        "hard post": reverse("admin:posts_post_change", args=[Post.objects.get(source_id="hard-1").pk]),
        "history of a post": reverse("admin:posts_post_history", args=[busy.pk]),
        "texts compared": reverse("admin:posts_post_compare", args=[busy.pk]),
        "releases": reverse("admin:posts_post_releases", args=[busy.pk]),
        "flags": reverse("admin:posts_post_flag", args=[busy.pk]),
        "revision": reverse("admin:posts_revision_change", args=[busy.head_revision_id]),
        "review": reverse("admin:review", args=[post.pk]),
        "source": reverse("admin:review_source", args=[post.head_revision_id]),
        "import": reverse("admin:posts_importbatch_change", args=[hard.pk]),
        "roll-back": reverse("admin:posts_importbatch_rollback", args=[hard.pk]),
        "report": reverse("admin:posts_readerreport_change", args=[ReaderReport.objects.get().pk]),
        "account": reverse("admin:auth_user_change", args=[superuser.pk]),
        "group": reverse("admin:auth_group_change", args=[Group.objects.get(name="Editors").pk]),
        "accounts": reverse("admin:auth_user_changelist"),
        "groups": reverse("admin:auth_group_changelist"),
    }
    return at


def watch_answers(watched):
    """Return a list that fills with what a page asked for and did not get, besides the page itself."""
    missing = []

    def note(response):
        if response.status >= 400 and not response.request.is_navigation_request():
            missing.append(response.url)

    watched.page.on("response", note)
    return missing


def said_of_own_accord(watched):
    """Return what the browser complained about, without expected complaints.

    Expected are the status of an error page, and that the sandboxed frame gets no fonts from the site.
    """
    meant = "the server responded with a status of", "Access to font"
    return [said for said in watched.complaints if not any(words in said for words in meant)]


@pytest.mark.parametrize("way", WALKS)
def test_no_page_breaks(browser_page, addresses, way):
    options = WALKS[way]
    watched = browser_page(**options)
    missing, broken = watch_answers(watched), {}
    for address in addresses:
        watched.open(address)
        watched.page.evaluate(OPEN)
        wrong = [] if watched.page.evaluate(FITS) else ["scrolls sideways"]
        if options.get("java_script_enabled", True):
            wrong += violations(watched.page)
        if wrong:
            broken[address] = wrong
    assert broken == {}, pformat(broken, width=160)
    assert said_of_own_accord(watched) == missing == []


def test_no_page_loses_anything_on_paper(browser_page, addresses):
    watched = browser_page(PAPER_WIDTH)
    watched.page.emulate_media(media="print")
    broken = {}
    for address in addresses:
        watched.open(address)
        wrong = watched.page.evaluate(CUT_ON_PAPER)
        if not watched.page.evaluate(FITS):
            wrong.append("wider than the paper")
        if wrong:
            broken[address] = wrong
    assert broken == {}, pformat(broken, width=160)
    assert said_of_own_accord(watched) == []


def walk(page, key):
    """Return what is wrong on the way of the keyboard through a page and back to its start."""
    assert page.evaluate(STOPS) > 0
    wrong = []
    while True:
        page.keyboard.press(key)
        said = page.evaluate(LOOK)
        if said is None:
            return wrong + [f"never reached: {stop}" for stop in page.evaluate("unwalked()")]
        wrong += said


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_every_stop_of_the_keyboard_can_be_seen(browser_page, pages, width, scheme, key):
    watched = browser_page(width, scheme, reduced_motion="reduce")
    broken = {}
    for name, address in pages.items():
        watched.open(address)
        watched.page.evaluate(OPEN)
        wrong = walk(watched.page, key)
        if wrong:
            broken[name] = wrong
    assert broken == {}, pformat(broken, width=160)
    assert said_of_own_accord(watched) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_admin_breaks_on_a_phone(browser_page, superuser, desk, scheme):
    watched = browser_page(320, scheme)
    sign_in(watched, superuser)
    missing, broken = watch_answers(watched), {}
    for name, address in desk.items():
        watched.open(address)
        watched.page.evaluate(OPEN)
        wrong = [] if watched.page.evaluate(FITS) else ["scrolls sideways"]
        # Axe would write the sheets that Django's own ask for into the page, which the policy of the page forbids.
        if wrong := wrong + violations(watched.page, preload=False):
            broken[name] = wrong
    assert broken == {}, pformat(broken, width=160)
    assert said_of_own_accord(watched) == missing == []


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_every_stop_of_the_admin_can_be_seen(browser_page, superuser, desk, width, scheme, key):
    watched = browser_page(width, scheme, reduced_motion="reduce")
    sign_in(watched, superuser)
    broken = {}
    for name, address in desk.items():
        watched.open(address)
        if wrong := walk(watched.page, key):
            broken[name] = wrong
    assert broken == {}, pformat(broken, width=160)
    assert said_of_own_accord(watched) == []


def test_what_is_looked_for_is_seen_where_it_is_there(browser_page, pages):
    watched = browser_page(1280, reduced_motion="reduce")

    def spoilt(style):
        watched.open(pages["waiting"])
        watched.page.evaluate("(style) => document.styleSheets[0].insertRule(style)", style)
        return watched.page

    for style, wrong in (
        ("a { outline: none !important }", "no line"),
        ("a { outline-color: #eee !important }", "rgb(238, 238, 238) on rgb(246, 247, 246)"),
        (".site-header { position: fixed; inset: 0; z-index: 9; background: white }", "out of sight"),
        ("main a { position: fixed; clip-path: inset(50%) }", "out of sight"),
    ):
        assert any(said.startswith(wrong) for said in walk(spoilt(style), "Tab")), style
    page = spoilt("a { color: inherit }")
    page.evaluate("document.querySelector('main a').addEventListener('keydown', (event) => event.preventDefault())")
    assert any(said.startswith("never reached") for said in walk(page, "Tab"))
    page = spoilt(".site-footer__links :is(li, a) { height: 9px; padding: 0; line-height: 9px !important }")
    assert any(said.startswith("target-size") for said in violations(page))
    # On the screen code scrolls and folds are closed.
    cut = " ".join(page.evaluate(CUT_ON_PAPER))
    assert all(words in cut for words in ("<pre", 'class="table"', 'class="fold__body"'))
    assert not spoilt("main { width: 200vw }").evaluate(FITS)
