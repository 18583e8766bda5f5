"""Queue and dashboard in a real Chromium: keys, mouse without JavaScript, and axe."""

import pytest
from django.urls import reverse

from posts.content_checks.scan import scan_new_texts
from posts.models import BulkRun, Post, QueueEntry
from posts.operations import assign_post, claim_post
from posts.review_queue.ranking import rank_queue
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import sign_in
from tests.factories import make_post, person
from tests.test_review_queue import turn_down

pytestmark = pytest.mark.browser
QUEUE = "/admin/queue/"
# Long enough to be compared with other texts.
SAME = " ".join(f"word{number}" for number in range(200))


@pytest.fixture
def waiting(transactional_db):
    """Return five waiting posts, the riskiest first: one with every kind of thing that a row can say."""
    posts = [make_post(title=f"Number {number}") for number in range(4)]
    risky = make_post(
        title="Risky",
        flags={"needs_human_review": 1},
        body="```python\ndef (:\n```\n\n```python\nclass:\n```",
        stack=["Rust"],
        source_id="risky",
    )
    scan_new_texts()
    rank_queue()
    return [risky, *posts]


def focused(page):
    return page.evaluate("document.activeElement.textContent.trim()")


def test_keys_walk_tick_flag_and_open(browser_page, reviewer, waiting):
    watched = browser_page(width=1440)
    sign_in(watched, reviewer)
    watched.open(QUEUE)
    page = watched.page
    page.keyboard.press("j")
    assert focused(page) == "Risky"
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("k")
    # The others repeat Number 0, so they come before it.
    assert focused(page) == "Number 1"
    assert page.locator(".queue-row :checked").count() == 2
    assert page.locator("#chosen").inner_text().startswith("2 of 5 on this page selected.")
    page.keyboard.press("Control+j")
    assert focused(page) == "Number 1"
    page.locator("#filter-stack").focus()
    page.keyboard.press("x")
    assert page.locator(".queue-row :checked").count() == 2
    page.locator(".queue-row__title", has_text="Risky").focus()
    with watched.next_page():
        page.keyboard.press("f")
    page.wait_for_url(f"**/{waiting[0].pk}/flag/")
    watched.open(QUEUE)
    with watched.next_page():
        page.keyboard.press("?")
    page.wait_for_url("**/admin/queue/keys/")
    assert watched.complaints == []
    watched.open(QUEUE)
    page.keyboard.press("j")
    with watched.next_page():
        page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/review/{waiting[0].pk}/**")


def test_undo_by_key_and_no_keys_for_who_switched_them_off(browser_page, reviewer, waiting):
    turn_down(waiting[1], by=reviewer)
    watched = browser_page(width=1440)
    sign_in(watched, reviewer)
    watched.open(QUEUE)
    page = watched.page
    with watched.next_page():
        page.keyboard.press("u")
    page.get_by_text("is pending review again").wait_for()
    assert Post.objects.get(pk=waiting[1].pk).awaits_review
    watched.open("/admin/queue/keys/")
    watched.follow(page.get_by_role("button", name="Turn shortcuts off"))
    watched.open(QUEUE)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement === document.body")
    assert page.locator("kbd").count() == 0


def test_all_of_it_works_without_script(browser_page, reviewer, waiting):
    watched = browser_page(width=1440, java_script_enabled=False)
    sign_in(watched, reviewer)
    watched.open(QUEUE)
    page = watched.page
    watched.follow(page.locator(".queue-row", has_text="Risky").get_by_role("button", name="Claim"))
    assert "Claimed by you" in page.locator(".queue-row", has_text="Risky").inner_text()
    assert QueueEntry.objects.get(pk=waiting[0].pk).held_by == reviewer
    page.get_by_label("Stack").select_option("Rust")
    watched.follow(page.get_by_role("button", name="Show"))
    assert page.locator(".queue-row").count() == 1
    watched.follow(page.get_by_role("link", name="Clear"))
    page.locator(".queue-row", has_text="Number 1").get_by_role("checkbox").check()
    page.locator(".queue-row", has_text="Number 2").get_by_role("checkbox").check()
    watched.follow(page.get_by_role("button", name="Reject…"))
    assert "Reject 2 posts?" in page.locator("h1").inner_text()
    page.get_by_label("Reason").select_option("repeats")
    watched.follow(page.get_by_role("button", name="Reject 2 posts"))
    assert "Reject 2 posts: 2 done, 0 refused" in page.locator("h1").inner_text()
    assert Post.objects.filter(head_revision__status="rejected").count() == 2
    watched.open("/admin/")
    assert "3 posts are pending review." in page.locator("h1").inner_text()
    assert watched.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(browser_page, reviewer, waiting, width, scheme):
    mira = person()
    assign_post(waiting[1], to=mira, by=mira)
    claim_post(waiting[2], by=mira)
    claim_post(waiting[3], by=reviewer)
    turn_down(waiting[4], by=reviewer)
    one, other = (make_post(title=f"The same again, {words}", body=SAME) for words in ("once", "and once more"))
    scan_new_texts()
    watched = browser_page(width=width, scheme=scheme)
    # High enough for every row: the bar at the lower edge covers half of whatever button happens to be there.
    watched.page.set_viewport_size({"width": width, "height": 4000})
    sign_in(watched, reviewer)
    page = watched.page
    watched.open(QUEUE)
    page.locator(".queue-row").first.get_by_role("checkbox").check()
    watched.follow(page.get_by_role("button", name="Approve…"))
    bulk = reverse("admin:queue_bulk", args=[BulkRun.objects.get().pk])
    found = {}
    for address in (
        QUEUE,
        f"{QUEUE}?stack=Rust&all=1",
        f"{QUEUE}?days=30",
        reverse("admin:queue_risk_score"),
        reverse("admin:queue_keys"),
        bulk,
        reverse("admin:queue_clusters"),
        reverse("admin:queue_pair", args=[one.pk, other.pk]),
        "/admin/",
    ):
        watched.open(address)
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        found[address] = violations_in_both_schemes(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert found == {address: [] for address in found}
    assert watched.complaints == []


def test_ten_rows_are_on_the_first_screen_also_below_an_undo(browser_page, reviewer, waiting):
    posts = [make_post(title=f"More of them, number {number}") for number in range(8)]
    turn_down(posts.pop(), by=reviewer)
    watched = browser_page(width=1440)
    watched.page.set_viewport_size({"width": 1440, "height": 900})
    sign_in(watched, reviewer)
    watched.open(QUEUE)
    assert watched.page.locator(".undo").is_visible()
    top_of_bar = watched.page.locator(".bulk-bar").bounding_box()["y"]
    tenth = watched.page.locator(".queue-row").nth(9).bounding_box()
    assert tenth["y"] + tenth["height"] <= top_of_bar


def test_the_first_screen_of_a_review_shows_the_first_sentences(browser_page, reviewer, waiting):
    title = "A title of the usual length that needs two lines in the frame"
    post = make_post(title=title, checklist=["Run it"], intro="It begins here. And it goes on with this.")
    turn_down(waiting[1], by=reviewer)
    watched = browser_page(width=1440)
    watched.page.set_viewport_size({"width": 1440, "height": 900})
    sign_in(watched, reviewer)
    watched.open(reverse("admin:review", args=[post.pk]))
    words = watched.page.frame_locator("#preview").get_by_text("It begins here.").bounding_box()
    assert words["y"] + words["height"] <= watched.page.locator(".review-bar").bounding_box()["y"]


def test_nothing_is_wider_than_320_pixels(browser_page, reviewer, waiting):
    watched = browser_page(width=320)
    sign_in(watched, reviewer)
    for address in (QUEUE, reverse("admin:queue_risk_score"), reverse("admin:queue_keys"), "/admin/"):
        watched.open(address)
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
