"""A review session in a real Chromium: keyboard only, mouse without JavaScript, in every state."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from posts.models import Post, QueueEntry, Review, ReviewFlag
from posts.operations import decide, flag_post, record_revision, report_problem, submit_revision
from posts.operations.claim import claim_post
from posts.operations.review import Decision
from posts.operations.saved_views import switch_keys
from tests.browser.axe import violations_in_both_schemes
from tests.factories import RecordFactory, import_records, make_post, person

pytestmark = pytest.mark.browser
CHECKLIST = ["Drain the node first", "Measure the longest job"]
# What the guideline requires of a text without code and images, in the order of its keys.
REQUIRED = ["numbers", "facts", "harm"]
ACTS = ("approve", "edits", "reject", "flag", "take back")


def sign_in(watched, user):
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    watched.page.context.add_cookies([{"name": "sessionid", "value": session, "url": watched.origin}])


def complaints(watched):
    """Return complaints without those about fonts: the tests' server sends files without our headers."""
    return [said for said in watched.complaints if "font" not in said and "ERR_FAILED" not in said]


def waiting_posts(count):
    import_records(*(RecordFactory(source_id=f"waiting-{n:03}", checklist=CHECKLIST) for n in range(count)))


def changed_post():
    post = make_post(released=True, checklist=CHECKLIST, source_id="changed", title="A change of a live text")
    body = post.body.replace("a job runs", "no job runs") + "\n\nSee [the rules](https://docs.example.org/rules)."
    record_revision(post, {**post.working_record(), "body": body, "difficulty": "beginner"}, by=person("Editors"))
    submit_revision(post, by=person("Editors"))
    flag_post(post, by=person("Staff"), note="Does the order of the steps matter?")
    report_problem(Post.objects.with_texts().get(pk=post.pk), reason="facts", note="It is 90 s.", address="192.0.2.1")
    return Post.objects.with_texts().get(pk=post.pk)


class ByKeyboard:
    """Does everything with keys, and touches nothing."""

    def __init__(self, page):
        self.page = page

    def _press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def _next(self, *keys):
        """Press what decides, and wait until the next screen listens."""
        with self.page.expect_navigation():
            self._press(*keys)
        self.page.wait_for_selector("[data-awake]")

    def approve(self):
        self._press("1", "2", "3")
        self._next("a")

    def edits(self):
        self._press("e", "2", "Tab")
        self.page.keyboard.type("Line 3 does not run: a, e, r and s are missing.")
        self._next("Control+Enter")

    def reject(self):
        self._press("r", "5")
        self._next("Control+Enter")

    def flag(self):
        self._press("f", "3")
        self._next("Control+Enter")

    def undo(self):
        self._next("u")

    def skip(self):
        self._next("s")


class ByMouse:
    """Clicks, without JavaScript."""

    def __init__(self, page):
        self.page = page

    def _next(self, name):
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=re.compile(name)).locator("visible=true").first.click()

    def _open(self, panel):
        self.page.locator(f"#panel-{panel} > summary").click()

    def approve(self):
        for key in REQUIRED:
            self.page.locator(f"[name=answer-{key}][value=met]").check()
        self._next("^Approve")

    def edits(self):
        self._open("edits")
        self.page.locator("#panel-edits").get_by_label("Code does not work").check()
        self.page.locator("#edits-comment").fill("Line 3 does not run: a, e, r and s are missing.")
        self._next("^Request changes Ctrl|^Request changes$")

    def reject(self):
        self._open("reject")
        self.page.locator("#panel-reject").get_by_label("Near-duplicate").check()
        self._next("^Reject Ctrl|^Reject$")

    def flag(self):
        self._open("flag")
        self.page.locator("#panel-flag").get_by_label("Code does not work").check()
        self._next("^Flag Ctrl|^Flag$")

    def undo(self):
        self._next("^Undo until")

    def skip(self):
        self._next("^Skip")


def work_through(hands, count):
    """Return {source id: act} of `count` posts, each act in its turn."""
    done = {}
    page = hands.page
    for number in range(count):
        act = ACTS[number % len(ACTS)]
        post = Post.objects.get(pk=re.search(r"/review/(\d+)/", page.url)[1])
        assert post.source_id not in done, "the same post came twice"
        done[post.source_id] = act
        if act == "flag":
            hands.flag()
            assert f"/review/{post.pk}/" in page.url and page.locator("h1").inner_text() == post.title
            hands.skip()
        elif act == "take back":
            hands.approve()
            hands.undo()
            assert f"/review/{post.pk}/" in page.url and page.locator("h1").inner_text() == post.title
            hands.skip()
        else:
            getattr(hands, act)()
    return done


@pytest.mark.parametrize("hands", [ByKeyboard, ByMouse])
def test_twenty_posts_one_after_the_other_and_the_site_shows_exactly_that(browser_page, client, hands):
    waiting_posts(20)
    reviewer = person()
    watched = browser_page(1440, java_script_enabled=hands is ByKeyboard)
    sign_in(watched, reviewer)
    watched.open(reverse("admin:review_start"))
    if hands is ByKeyboard:
        watched.page.wait_for_selector("[data-awake]")
    done = work_through(hands(watched.page), 20)
    assert len(done) == 20 and complaints(watched) == []
    sitemap = client.get("/sitemaps/articles-0.xml").getvalue().decode()
    for source_id, act in done.items():
        post = Post.objects.get(source_id=source_id)
        page = client.get(post.get_absolute_url())
        expected = {"approve": 200, "edits": 200, "reject": 404, "flag": 200, "take back": 200}[act]
        assert page.status_code == expected, act
        is_open = act == "approve"
        assert (post.get_absolute_url() in sitemap) is is_open, act
        assert ("noindex" in page.headers.get("X-Robots-Tag", "")) is not is_open, act
        if expected == 200:
            assert ("approved by a reviewer" in page.content.decode()) is is_open, act
            assert ('content="noindex' in page.content.decode()) is not is_open, act
    outcomes = [(review.outcome, review.reason_code, bool(review.undone_at)) for review in Review.objects.all()]
    assert sorted(outcomes) == sorted(
        [("approved", "", False)] * 4
        + [("changes_requested", "code", False)] * 4
        + [("rejected", "repeats", False)] * 4
        + [("approved", "", True)] * 4
    )
    assert {review.comment for review in Review.objects.filter(outcome="changes_requested")} == {
        "Line 3 does not run: a, e, r and s are missing."
    }
    assert ReviewFlag.objects.filter(reason="code", cleared_at=None).count() == 4
    assert QueueEntry.objects.count() == 8
    assert Review.objects.filter(seconds_spent=None).count() == 0


def opened(browser_page, post, *, by=None, width=1440, scheme="light", clock=False):
    watched = browser_page(width, scheme)
    sign_in(watched, by or person())
    if clock:
        watched.page.clock.install(time=0)
        watched.page.clock.pause_at(1000)
    watched.open(reverse("admin:review", args=[post.pk]))
    if not clock:
        watched.page.wait_for_selector("[data-awake]")
    return watched.page


def test_approve_is_deaf_until_the_text_has_stood_there_for_a_moment(browser_page):
    post = make_post()
    page = opened(browser_page, post, clock=True)
    for key in "123a":
        page.keyboard.press(key)
    page.clock.run_for(500)
    page.keyboard.press("a")
    assert not Review.objects.exists() and f"/review/{post.pk}/" in page.url
    page.clock.run_for(200)
    with page.expect_navigation():
        page.keyboard.press("a")
    assert Review.objects.get().outcome == "approved"


def test_keys_rest_while_something_is_typed_repeat_does_nothing_and_so_do_shortcuts(browser_page):
    waiting_posts(3)
    post = Post.objects.get(source_id="waiting-001")
    page = opened(browser_page, post)
    page.keyboard.press("f")
    page.locator("#flag-note").focus()
    page.keyboard.type("jkaersu?fnp12")
    assert page.locator("#flag-note").input_value() == "jkaersu?fnp12"
    page.keyboard.press("Escape")
    expect(page.locator("#panel-flag > summary")).to_be_focused()
    assert page.locator("details[name=review-panel][open]").count() == 0
    for chord in ("Control+j", "Alt+j", "Control+s"):
        page.keyboard.press(chord)
    for key in ("j", "s", "e", "1"):
        page.evaluate(
            """key => document.dispatchEvent(new KeyboardEvent("keydown", {key, repeat: true, bubbles: true}))""", key
        )
    assert f"/review/{post.pk}/" in page.url and page.locator("[name^=answer-]:checked").count() == 0
    with page.expect_navigation():
        page.keyboard.press("j")
    assert f"/review/{post.pk}/" not in page.url and not Review.objects.exists()


def test_in_an_open_panel_no_key_decides_and_one_panel_stands_at_a_time(browser_page):
    post = make_post()
    page = opened(browser_page, post)
    page.keyboard.press("r")
    for key in ("a", "s", "j", "u", "e"):
        page.keyboard.press(key)
    assert page.locator("#panel-reject[open]").count() == 1
    page.keyboard.press("4")
    assert page.locator("#panel-reject input:checked").get_attribute("value") == "images"
    # Enter on a reason must not press the first button of the form, which approves.
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.keyboard.press("e")
    assert page.evaluate("[...document.querySelectorAll('[data-panel][open]')].map(one => one.id)") == ["panel-edits"]
    assert f"/review/{post.pk}/" in page.url and not Review.objects.exists()


def test_keys_are_switched_off_for_an_account_and_on_again(browser_page):
    waiting_posts(2)
    post, reviewer = Post.objects.get(source_id="waiting-000"), person()
    page = opened(browser_page, post, by=reviewer)
    page.keyboard.press("?")
    with page.expect_navigation():
        page.get_by_role("button", name="Turn shortcuts off").click()
    page.wait_for_selector("[data-awake]")
    for key in ("1", "e", "j"):
        page.keyboard.press(key)
    assert page.locator("[name^=answer-]:checked").count() == 0 and page.locator("details[open]").count() == 0
    assert f"/review/{post.pk}/" in page.url
    page.locator("#panel-keys > summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Turn shortcuts on").click()
    page.wait_for_selector("[data-awake]")
    page.keyboard.press("1")
    assert page.locator("[name^=answer-]:checked").count() == 1


def test_a_shut_approval_leads_to_the_first_thing_in_the_way(browser_page):
    waiting_posts(1)
    post = Post.objects.get()
    page = opened(browser_page, post)
    bar = page.locator("#review-state")
    assert "You can’t approve yet: 3 of 3 required points open" in bar.inner_text()
    assert page.locator("[data-approve]").get_attribute("aria-disabled") == "true"
    page.keyboard.press("a")
    expect(page.locator("[name=answer-numbers]:focus")).to_have_count(1)
    page.keyboard.press("1")
    assert "2 of 3 required points open" in bar.inner_text()
    page.keyboard.press("2")
    page.keyboard.press("3")
    assert "Ready. If you approve, readers see 1.0.0 at once" in bar.inner_text()
    assert page.locator("[data-approve]").get_attribute("aria-disabled") is None
    assert not Review.objects.exists()


def test_each_press_of_a_number_is_the_next_answer_and_a_failed_point_leads_to_its_reason(browser_page):
    waiting_posts(1)
    page = opened(browser_page, Post.objects.get())
    bar = page.locator("#review-state")
    for answer in ("met", "not_met", "not_applicable", "met", "not_met"):
        page.keyboard.press("3")
        assert page.locator("[name=answer-harm]:checked").get_attribute("value") == answer
    expect(page.locator("[data-live]")).to_have_text("3: Not met")
    for key in "12":
        page.keyboard.press(key)
    assert "You can’t approve yet: 1 required not met: request changes or reject." in bar.inner_text()
    for panel in ("edits", "reject"):
        assert page.locator(f"#panel-{panel} input:checked").get_attribute("value") == "harm"
    # What the person chooses stays, whatever they answer afterwards.
    page.keyboard.press("r")
    page.keyboard.press("8")
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    assert "Ready." in bar.inner_text() and page.locator("#panel-edits input:checked").count() == 0
    assert page.locator("#panel-reject input:checked").get_attribute("value") == "other"
    page.keyboard.press("r")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    review = Review.objects.get()
    assert (review.outcome, review.reason_code, review.answers["harm"]) == ("rejected", "other", "not_applicable")


def test_after_a_decision_the_title_has_the_focus_and_one_live_region_says_what_is_next(browser_page):
    waiting_posts(2)
    page = opened(browser_page, Post.objects.get(source_id="waiting-000"))
    for key in "123":
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press("a")
    other = Post.objects.get(source_id="waiting-001")
    expect(page.locator("[data-live]")).not_to_be_empty()
    said = page.locator("[data-live]").inner_text()
    assert said.startswith("Approved. Next: " + other.title) and re.search(r"risk score \d+, \d+ reasons?\.$", said)
    expect(page.locator("#review-title")).to_be_focused()
    assert page.locator("[aria-live]").count() == 1


def test_after_a_click_into_the_paper_the_keys_work_and_by_tab_the_bar_says_that_they_rest(browser_page):
    post = changed_post()
    page = opened(browser_page, post)
    frame = page.frame_locator("#preview")
    frame.locator("#mark-1").wait_for(state="attached")
    frame.locator("h1").click()
    expect(page.locator("#review-title")).to_be_focused()
    page.keyboard.press("1")
    assert page.locator("[name^=answer-]:checked").count() == 1
    # A Tab within the page is not a click, and a Tab into the preview may be slow.
    page.locator(".review-tabs a").first.focus()
    page.keyboard.press("Tab")
    frame.locator("h1").click()
    expect(page.locator("#review-title")).to_be_focused()
    page.evaluate("addEventListener('keydown', () => { for (const at = Date.now(); Date.now() < at + 500;); })")
    page.locator(".review-tabs a").last.focus()
    page.keyboard.press("Tab")
    page.wait_for_selector("[data-resting]:not([hidden])")
    expect(page.locator("#preview")).to_be_focused()


def test_marks_and_tabs_lead_into_the_sandboxed_frame(browser_page):
    post = changed_post()
    watched = browser_page(1440)
    sign_in(watched, person())
    watched.open(reverse("admin:review", args=[post.pk]))
    page = watched.page
    page.wait_for_selector("[data-awake]")
    assert page.locator("#preview").get_attribute("sandbox") == ""
    paper = page.locator("#preview").element_handle().content_frame()

    def show(tab):
        """Click a tab, and wait until the paper is what it names."""
        address = tab.evaluate("tab => tab.href")
        tab.click()
        paper.wait_for_url(lambda url: url == address)

    seen = []
    for tab in page.locator("[data-tab]").all():
        show(tab)
        name = tab.inner_text()
        expect(page.locator("[data-tab][aria-current]")).to_have_text([name])
        page.frame_locator("#preview").locator("h1").first.wait_for()
        seen.append(name)
    assert seen == [
        "Changes highlighted",
        "As readers will see it",
        "Live now",
        "Side by side",
        "Source",
    ]
    # Links of the text don't work here; their full addresses are beside the preview.
    show(page.get_by_role("link", name="As readers will see it"))
    link = page.frame_locator("#preview").get_by_role("link", name="the rules")
    link.click(force=True)
    page.frame_locator("#preview").locator("h1").first.wait_for()
    assert paper.url == watched.origin + reverse("admin:posts_revision_preview", args=[post.head_revision_id])
    page.locator("#addresses summary").click()
    assert "https://docs.example.org/rules" in page.locator("#addresses").inner_text()
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(page.locator("[data-mark][aria-current] .mark-number")).to_have_text(re.compile("2$"))
    page.frame_locator("#preview").locator("#mark-2").wait_for()
    page.keyboard.press("p")
    expect(page.locator("[data-mark][aria-current] .mark-number")).to_have_text(re.compile("1$"))
    assert complaints(watched) == []


def states():
    """Return {name: (address, what stands there)} of a screen in each of its states, and whose it is."""
    reviewer, other = person(), person()
    waiting_posts(3)
    new, held, decided = Post.objects.order_by("pk")
    changed = changed_post()
    claim_post(held, by=other)
    own = make_post(source_id="own", title="Typed by the reviewer")
    record_revision(own, {**own.working_record(), "summary": "Mine."}, by=reviewer)
    decide_on(decided, reviewer)
    return reviewer, {
        "new": (new, "nothing to compare"),
        "changed": (changed, "compared with live"),
        "held": (held, "has claimed this until"),
        "own": (own, "Another reviewer must approve it"),
        "decided": (decided, "No decision is needed"),
    }


def decide_on(post, by):
    return decide(
        post,
        Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, reason_code="facts", comment=""),
        by=by,
    )


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_no_state_of_the_screen_has_an_accessibility_violation_or_scrolls_sideways(browser_page, width, scheme):
    reviewer, shown = states()
    watched = browser_page(width, scheme)
    sign_in(watched, reviewer)
    page = watched.page
    for name, (post, words) in shown.items():
        watched.open(reverse("admin:review", args=[post.pk]))
        assert words in page.locator("#content").inner_text(), name
        for panel in ["", *(["edits", "flag"] if name == "changed" else [])]:
            if panel:
                page.locator(f"#panel-{panel} > summary").click()
            assert violations_in_both_schemes(page) == [], f"{name} {panel}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    watched.open(reverse("admin:review_start") + "?view=days%3D9000")
    assert "the end of this list" in page.locator("h1").inner_text()
    assert violations_in_both_schemes(page) == []
    changed = shown["changed"][0]
    for kind, address in [
        ("sides", reverse("admin:review_sides", args=[changed.pk]) + "?old=1&new=2"),
        ("source", reverse("admin:review_source", args=[changed.head_revision_id])),
    ]:
        watched.open(address)
        assert violations_in_both_schemes(page) == [], kind
        assert page.evaluate("document.documentElement.scrollWidth") <= width, kind


def test_the_bar_never_moves_and_nothing_hides_behind_it_on_a_wide_screen(browser_page):
    page = opened(browser_page, changed_post())
    boxes = []
    for panel in ("", "edits", "reject", "flag"):
        if panel:
            page.locator(f"#panel-{panel} > summary").click()
        boxes.append(page.locator(".review-buttons").bounding_box())
        paper, box = (
            page.locator("#preview").bounding_box(),
            page.locator(f"#panel-{panel or 'edits'} .review-panel__box"),
        )
        if panel:
            assert box.bounding_box()["x"] >= paper["x"] + paper["width"], "the panel covers the paper"
    assert all(box == boxes[0] for box in boxes)
    confirm, bar = page.locator("#confirm").bounding_box(), page.locator(".review-bar").bounding_box()
    assert confirm["y"] + confirm["height"] <= bar["y"] + 1
    assert bar["y"] + bar["height"] <= 900


def test_keys_stay_off_in_the_words_of_the_page_too(browser_page):
    reviewer = person()
    switch_keys(by=reviewer, off=True)
    page = opened(browser_page, make_post(), by=reviewer)
    assert page.locator("kbd").count() == 0
    assert page.locator("[data-approve]").inner_text().split() == ["⊘", "Approve", "1.0.0"]
