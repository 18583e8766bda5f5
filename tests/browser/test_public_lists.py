"""Lists, search, home and how the site is made, in a real Chromium."""

import pytest

from tests.browser.axe import violations
from tests.factories import approve, make_post

pytestmark = pytest.mark.browser
LONG = "x" * 200


@pytest.fixture
def site(browser_page, settings):
    """Return {name: address} of every page of lists, with enough on them to be narrowed."""
    settings.DEBUG = False
    for number in range(3):
        make_post(
            released=True, title=f"Draining {number}", difficulty=("beginner", "advanced", "advanced")[number],
            stack=["Go services", LONG], tools=["pgx"], code_language="go", body=f"A heron {LONG} waits.",
        )  # fmt: skip
    approve(make_post(title="طوابير", summary="نص قصير"))
    return {
        "home": "/",
        "articles": "/articles/",
        "stack": "/stacks/go-services/?difficulty=advanced",
        "stacks": "/stacks/",
        "search": "/search/",
        "found": "/search/?q=heron+draining",
        "nothing": "/search/?q=hreon+zzz",
        "how": "/how-this-site-is-made/",
    }


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_lists_have_no_accessibility_violation_and_do_not_scroll_sideways(browser_page, site, width, scheme):
    watched = browser_page(width, scheme)
    for address in site.values():
        watched.open(address)
        watched.page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        assert violations(watched.page) == [], address
        for narrow in (width, 320):
            watched.page.set_viewport_size({"width": narrow, "height": 900})
            assert watched.page.evaluate("document.documentElement.scrollWidth") <= narrow, address
        watched.page.set_viewport_size({"width": width, "height": 900})
    assert watched.complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_lists_are_narrowed_and_searched_without_javascript_by_keyboard_alone(browser_page, site, width):
    watched = browser_page(width, java_script_enabled=False)
    page = watched.page
    watched.open("/stacks/go-services/")
    assert page.locator(".post-list__item").count() == 4
    if width == 390:
        page.locator(".filters summary").focus()
        page.keyboard.press("Enter")
    page.get_by_role("radio", name="advanced").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Show articles").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**difficulty=advanced**")
    assert page.locator(".post-list__item").count() == 2
    assert "2 approved articles, Advanced" in page.locator(".list-says").inner_text()
    if width == 390:
        watched.follow(page.get_by_role("link", name="Search", exact=True).first)
        field = page.get_by_label("Search for")
    else:
        field = page.get_by_label("Search articles")
    field.fill("herons")
    field.press("Enter")
    page.wait_for_url("**/search/?q=herons")
    assert page.locator(".post-list__item").count() == 3
    assert page.locator("mark").first.inner_text() == "heron"


LABEL = "Reviews of long articles about databases that are replicated across three regions"


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_the_pages_of_all_terms_give_a_long_label_the_width_of_its_row(browser_page, settings, width):
    settings.DEBUG = False
    for number in range(4):
        make_post(released=True, tags=[LABEL, LONG], authors=[LABEL], stack=[LABEL], title=f"Draining {number}")
    watched = browser_page(width)
    for address in ("/tags/", "/authors/", "/stacks/"):
        watched.open(address)
        row = watched.page.locator(".stacks li", has_text=LABEL)
        label, count, all_of_it = (row.locator(name).bounding_box() for name in ("a", ".stacks__count", ":scope"))
        assert count["x"] - label["x"] > 0.85 * all_of_it["width"], address
        # At the widest place the label takes no more lines than plain text would.
        assert label["height"] <= 4 * 24, address
        assert row.locator(".share-bar").is_visible()
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(watched.page) == []
