"""Remarks on passages, in a real Chromium."""

import pytest
from django.urls import reverse

from posts.models import Remark
from tests.browser.test_admin_pages import sign_in
from tests.factories import make_post

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser_page, reviewer):
    """Open the remarks of a post as a reviewer: opened(post)."""

    def open_remarks(post):
        watched = browser_page()
        sign_in(watched, reviewer)
        watched.open(reverse("admin:remarks", args=[post.pk]))
        return watched

    return open_remarks


def select(watched, name, start, end):
    """Select characters of a passage, as a mouse does."""
    watched.page.eval_on_selector(
        f"[data-words='{name}']",
        """(passage, [start, end]) => {
            const range = document.createRange();
            range.setStart(passage.firstChild, start);
            range.setEnd(passage.firstChild, end);
            const selection = document.getSelection();
            selection.removeAllRanges();
            selection.addRange(range);
            passage.dispatchEvent(new MouseEvent("mouseup", { bubbles: true }));
        }""",
        [start, end],
    )
    watched.page.wait_for_selector("[data-say]:not(:empty)", state="attached")


def test_selected_words_fill_the_form_and_become_a_remark_with_a_suggestion(opened):
    watched = opened(make_post(body="One.\n\nAfter nine retries the job stops."))
    select(watched, "body:2", 6, 18)
    assert (watched.page.input_value("#place"), watched.page.input_value("#words")) == ("body:2", "nine retries")
    watched.page.check("text='Suggest other words for the passage'")
    assert watched.page.input_value("#suggestion") == "nine retries"
    watched.page.fill("#suggestion", "five retries")
    watched.page.fill("#comment", "See the manual.")
    watched.page.click("text='Add remark'")
    watched.page.wait_for_selector("mark")
    remark = Remark.objects.get()
    assert (remark.anchor["exact"], remark.suggestion) == ("nine retries", "five retries")
    assert watched.complaints == []


def test_the_second_of_equal_words_is_the_one_that_was_selected(opened):
    watched = opened(make_post(body="A worker waits for a worker."))
    select(watched, "body:1", 21, 27)
    watched.page.fill("#comment", "Which one?")
    watched.page.click("text='Add remark'")
    watched.page.wait_for_selector("mark")
    assert Remark.objects.get().anchor["start"] == 21


def test_a_passage_is_chosen_with_keys_alone(opened):
    watched = opened(make_post(body="One.\n\nTwo."))
    watched.page.focus("[data-place='body:2']")
    watched.page.keyboard.press("Enter")
    watched.page.keyboard.type("Say more.")
    watched.page.click("text='Add remark'")
    watched.page.wait_for_selector("mark")
    assert Remark.objects.get().anchor["exact"] == "Two."
