"""What checks found, in a real Chromium: at each code block, and beside the form of a post."""

import pytest
from django.urls import reverse

from posts.content_checks.scan import scan_new_texts
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import change_address, sign_in
from tests.factories import make_post

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 390])
def test_the_faulty_line_of_a_code_block_can_be_read_in_both_colour_schemes(browser_page, editor, width):
    post = make_post(body='```python\nprint("a"\n```\n\n```cobol\nMOVE A TO B.\n```')
    scan_new_texts()
    watched = browser_page(width)
    sign_in(watched, editor)
    watched.open(reverse("admin:review_code", args=[post.head_revision_id]))
    page = watched.page
    assert page.locator("mark.code-block__line").count() == 1
    assert violations_in_both_schemes(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_button_that_mends_links_is_as_wide_as_its_words(browser_page, editor, width):
    post = make_post(body="See [the docs](http://www.python.org/).")
    scan_new_texts()
    watched = browser_page(width)
    sign_in(watched, editor)
    watched.open(change_address(post))
    button = watched.page.locator(".facts .finding button")
    box = button.bounding_box()
    assert box["width"] > 2 * box["height"]
