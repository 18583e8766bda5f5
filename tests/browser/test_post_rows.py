"""Images and checklist of the form of a post in a real Chromium: any number of rows, ordered by keys and by mouse."""

import pytest
from playwright.sync_api import expect

from posts.models import Post
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import change_address, messages, sign_in
from tests.factories import make_post

pytestmark = pytest.mark.browser
PLACE = "https://images.unsplash.com/"


def fill(row, **values):
    for name, value in values.items():
        row.locator(f"[name$='-{name}']").fill(value)


def addresses(post):
    return [image["url"].removeprefix(PLACE) for image in post.working_record().get("image_sources", [])]


@pytest.mark.parametrize("width", [1280, 390])
def test_an_article_with_six_images_and_a_checklist_is_one_save(browser_page, editor, width):
    post = make_post()
    watched = browser_page(width)
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Images']")
    for number in range(6):
        if number:
            page.click("text='Add image'")
        fill(page.locator(".image-row").nth(number), url=f"{PLACE}{number}", alt="Words", source="me", licence="CC0")
    assert violations_in_both_schemes(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.click("role=tab[name^='Checklist']")
    for number in range(5):
        if number:
            page.click("text='Add item'")
        fill(page.locator(".check-row").nth(number), text=f"Step {number}")
    assert violations_in_both_schemes(page) == []
    watched.follow("text='Save'")
    assert "Saved as 1.0.1." in messages(watched)
    saved = Post.objects.get()
    assert saved.revisions.count() == 2 and addresses(saved) == list("012345")
    assert saved.working_record()["checklist"] == [f"Step {number}" for number in range(5)]
    assert watched.complaints == []


def test_images_are_ordered_by_keys_and_new_ones_take_part(browser_page, editor):
    post = make_post(image_sources=[{"url": f"{PLACE}{name}"} for name in "abc"])
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Images']")
    fill(page.locator(".image-row").nth(3), url=f"{PLACE}d")
    page.get_by_role("button", name="Move Image 4 up").press("Enter")
    page.get_by_role("button", name="Move Image 1 down").press("Enter")
    watched.follow("text='Save'")
    assert addresses(Post.objects.get()) == list("badc")


def test_a_row_moved_up_keeps_the_focus_says_where_it_is_and_is_saved_there(browser_page, editor):
    post = make_post(checklist=["one", "two", "three"])
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Checklist']")
    page.get_by_role("button", name="Move Item 3 up").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "Move Item 1 up"
    expect(page.locator("#part-checklist [role=status]")).to_have_text("Now Item 1.")
    watched.follow("text='Save'")
    assert Post.objects.get().working_record()["checklist"] == ["three", "one", "two"]


def test_a_row_is_dragged_to_its_place_and_a_new_one_removed_again(browser_page, editor):
    post = make_post(checklist=["one", "two", "three"])
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    page.click("role=tab[name^='Checklist']")
    page.click("text='Add item'")
    page.get_by_role("button", name="Remove Item 5").click()
    rows = page.locator(".check-row")
    rows.nth(2).locator(".order-handle").drag_to(rows.nth(0), target_position={"x": 40, "y": 3})
    watched.follow("text='Save'")
    assert Post.objects.get().working_record()["checklist"] == ["three", "one", "two"]


def test_without_a_script_there_are_a_few_empty_rows_and_numbers_for_their_order(browser_page, editor):
    post = make_post(checklist=["one"])
    watched = browser_page(java_script_enabled=False)
    sign_in(watched, editor)
    watched.open(change_address(post))
    page = watched.page
    assert page.locator(".image-row").count() == 3 and page.locator(".check-row").count() == 4
    for number in range(3):
        fill(page.locator(".image-row").nth(number), url=f"{PLACE}{number}")
    fill(page.locator(".check-row").nth(1), text="zero", position="1")
    watched.follow("text='Save'")
    saved = Post.objects.get()
    assert addresses(saved) == list("012") and saved.working_record()["checklist"] == ["zero", "one"]
