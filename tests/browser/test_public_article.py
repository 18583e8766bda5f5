"""The article in a real Chromium: copy buttons, colour switch, and the command for the fingerprint."""

import gzip
import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import expect

from tests.every_page import IMAGES, full_post
from tests.factories import approve, make_post
from tests.waiting import PATIENT_SECONDS

pytestmark = pytest.mark.browser

STATIC = Path(settings.BASE_DIR) / "static"
CODE = "with open('a') as file:\n    print(file.read())  # <b> & \"x\"\n"
BODY = f"## One\n\n```python read.py\n{CODE}```\n\n    plain code\n\n## Two\n\ntext\n\n## Three\n\nthe very last words"


def compressed(data):
    return len(gzip.compress(data, 9))


def colours(page):
    return page.evaluate("getComputedStyle(document.documentElement).colorScheme"), page.evaluate(
        "getComputedStyle(document.body).backgroundColor"
    )


LIGHT, DARK = "rgb(246, 247, 246)", "rgb(16, 20, 23)"


@pytest.mark.parametrize("has_clipboard", [True, False])
def test_a_button_copies_the_code_exactly(browser_page, has_clipboard):
    post = make_post(body=BODY)
    watched = browser_page()
    if has_clipboard:
        watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        watched.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    # A stopped clock: the buttons would reset their text after two seconds.
    watched.page.clock.install(time=0)
    watched.page.clock.pause_at(1000)
    watched.open(post.get_absolute_url())
    for name, words in (("Copy: Code Python read.py", CODE), ("Copy: Code", "plain code\n")):
        button = watched.page.get_by_role("button", name=name, exact=True)
        status = watched.page.locator(".code").filter(has=button).get_by_role("status")
        button.focus()
        watched.page.keyboard.press("Enter")
        expect(status).to_have_text("Copied")
        if has_clipboard:
            assert watched.page.evaluate("navigator.clipboard.readText()") == words
        assert button.inner_text() == "Copied"
    assert watched.complaints == []


def test_the_colours_go_round_by_key_and_stay_on_the_next_page(browser_page):
    first, second = make_post(body=BODY), make_post(body=BODY)
    watched = browser_page(scheme="dark")
    watched.open(first.get_absolute_url())
    switch = watched.page.locator("[data-colour-switch]")
    assert colours(watched.page) == ("light dark", DARK)
    switch.focus()
    names = [switch.inner_text().strip()]
    for expected in (LIGHT, DARK):
        watched.page.keyboard.press("Space")
        names.append(switch.inner_text().strip())
        assert colours(watched.page)[1] == expected
    assert names == ["Colours: as the system", "Colours: light", "Colours: dark"]
    watched.page.keyboard.press("Enter")
    assert colours(watched.page) == ("light dark", DARK)
    watched.page.keyboard.press("Enter")
    watched.open(second.get_absolute_url())
    assert colours(watched.page) == ("light", LIGHT)
    watched.page.emulate_media(media="print")
    assert colours(watched.page)[1] == "rgb(255, 255, 255)"


def test_a_chosen_scheme_stands_before_the_first_line_is_drawn(browser_page):
    post = make_post(body=BODY)
    watched = browser_page(scheme="light")
    watched.open(post.get_absolute_url())
    watched.page.locator("[data-colour-switch]").click()
    watched.page.locator("[data-colour-switch]").click()
    # As each element comes in, whatever is drawn of it is drawn in the colours that the root has then.
    watched.page.add_init_script(
        """window.seen = new Set();
        new MutationObserver(() => {
            if (document.body) seen.add(document.documentElement.dataset.colours);
        }).observe(document, {childList: true, subtree: true});"""
    )
    watched.open(post.get_absolute_url())
    assert watched.page.evaluate("[...seen]") == ["dark"]
    assert colours(watched.page) == ("dark", DARK)


def test_a_browser_that_keeps_nothing_still_changes_colours(browser_page):
    post = make_post(body=BODY)
    watched = browser_page()
    watched.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    watched.open(post.get_absolute_url())
    watched.page.locator("[data-colour-switch]").click()
    watched.page.locator("[data-colour-switch]").click()
    assert colours(watched.page) == ("dark", DARK)
    assert watched.complaints == []


def test_without_javascript_nothing_offers_what_needs_it(browser_page):
    post = make_post(body=BODY)
    watched = browser_page(java_script_enabled=False)
    watched.open(post.get_absolute_url())
    assert watched.page.get_by_text("the very last words").is_visible()
    assert not watched.page.locator("[data-colour-switch]").is_visible()
    assert watched.page.locator(".code__copy").count() == 0


def test_nothing_moves_while_a_page_loads_whose_pictures_never_come(browser_page):
    post = full_post(image_sources=IMAGES)
    for width in (1280, 390):
        watched = browser_page(width)
        watched.page.add_init_script(
            """window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
            }).observe({type: 'layout-shift', buffered: true});"""
        )
        watched.open(post.get_absolute_url())
        for picture in watched.page.locator("figure img").all():
            picture.scroll_into_view_if_needed()
            picture.evaluate("img => img.complete || new Promise(done => { img.onload = img.onerror = done })")
        watched.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert watched.foreign and watched.page.evaluate("shift") <= 0.02


def test_the_command_on_the_page_computes_the_fingerprint_that_stands_beside_it(browser_page):
    edges = {"title": "Quotes ' and \" and ünïcode", "flags": {"needs_human_review": 0}, "score": {"depth": 73.5}}
    for fields in (
        edges,
        {"image_sources": IMAGES[:2], "ai_outline": {"b": "2", "a": "1"}, "flags": {"has_images": 1}},
    ):
        post = approve(make_post(body=BODY, **fields))
        watched = browser_page()
        watched.open(post.get_absolute_url())
        watched.page.get_by_text("How this was made").first.click()
        watched.page.get_by_text("How to check the fingerprint").click()
        command = watched.page.locator(".check code").inner_text()
        printed = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=True, timeout=PATIENT_SECONDS
        ).stdout
        assert printed.strip() == post.live_revision.fingerprint
        assert printed.strip() in watched.page.locator(".provenance").inner_text()


def test_what_a_reader_downloads_is_small(browser_page, client):
    post = approve(full_post(image_sources=IMAGES[:2]))
    html = client.get(post.get_absolute_url()).content
    assert compressed(html) <= 25 * 1024
    assert compressed((STATIC / "css/site.css").read_bytes()) <= 14 * 1024
    scripts = re.findall(r'<script[^>]* src="/static/([^"]+)"', html.decode())
    assert scripts == ["js/site.js"]
    assert sum(compressed((STATIC / name).read_bytes()) for name in scripts) <= 8 * 1024
    assert len(re.findall(rb"<link rel=\"stylesheet\"", html)) == 1


def test_a_right_to_left_title_and_text_stand_on_their_side(browser_page):
    post = make_post(
        title="كيف تعمل الطوابير", intro="مقدمة قصيرة.", body="## السبب\n\nنص طويل.\n\n```go\nx := 1\n```\n\n- أول"
    )
    watched = browser_page(390)
    watched.open(post.get_absolute_url())
    page = watched.page
    direction = "(element) => getComputedStyle(element).direction"
    assert page.locator("h1").evaluate(direction) == "rtl"
    assert page.locator(".text").evaluate(direction) == "rtl"
    assert page.locator(".text .code").evaluate(direction) == "ltr"
    assert page.locator(".end-line").evaluate(direction) == "ltr"
    bullet = page.locator(".text li").first.evaluate("(li) => getComputedStyle(li).paddingRight")
    assert float(bullet.removesuffix("px")) > 20
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_forced_colours_and_reduced_motion_are_a_readers_own(browser_page):
    post = approve(make_post(body=BODY))
    watched = browser_page(forced_colors="active", reduced_motion="reduce")
    watched.open(post.get_absolute_url())
    page = watched.page
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    canvas = page.evaluate("getComputedStyle(document.body).backgroundColor")
    square = page.locator(".status-line .status-icon__square").first.evaluate("(e) => getComputedStyle(e).fill")
    assert square != canvas
    page.get_by_text("How this was made").first.click()
    for step in page.locator(".trail__step").all():
        edge = step.evaluate("(e) => getComputedStyle(e, '::before').borderTopColor")
        assert edge != canvas
    assert page.locator("[data-colour-switch] svg").evaluate("(e) => getComputedStyle(e).color") != canvas


COLUMNS = 14
WIDE = "| column " * COLUMNS + "|\n" + "|---" * COLUMNS + "|\n" + "| a value " * COLUMNS + "|\n"
NARROW = "| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.mark.parametrize("has_script", [True, False])
def test_a_wide_table_shows_that_it_scrolls_and_does_so_by_key(browser_page, has_script):
    post = make_post(body=f"## A\n\n{WIDE}\n\nbetween\n\n{NARROW}")
    watched = browser_page(390, java_script_enabled=has_script)
    watched.open(post.get_absolute_url())
    wide, narrow = watched.page.locator(".table").all()
    assert wide.evaluate("(box) => getComputedStyle(box).backgroundImage").count("linear-gradient") == 4
    hints = watched.page.locator(".scroll-hint")
    if has_script:
        expect(hints).to_have_text(["Scroll sideways to see the whole table"])
        assert wide.evaluate("(box) => box.nextElementSibling.className") == "scroll-hint"
        # With enough room nothing is hidden.
        watched.page.set_viewport_size({"width": 2200, "height": 900})
        for name in ("--page", "--wide"):
            watched.page.evaluate(f"document.documentElement.style.setProperty('{name}', '130rem')")
        expect(hints).to_have_count(0)
        watched.page.set_viewport_size({"width": 390, "height": 900})
        expect(hints).to_have_count(1)
        wide.focus()
        watched.page.keyboard.press("ArrowRight")
        # The page's policy forbids what Playwright's own waiting would evaluate.
        wide.evaluate(
            "(box) => new Promise((done) => { const look = () => (box.scrollLeft > 0 ? done() : "
            "requestAnimationFrame(look)); look(); })"
        )
    assert wide.get_attribute("tabindex") == "0"
    assert narrow.evaluate("(box) => box.scrollWidth <= box.clientWidth")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_table_takes_the_width_that_it_needs_and_no_less_than_the_text(browser_page):
    watched = browser_page(1280)
    watched.open(make_post(body=f"## A\n\n{WIDE}\n\nbetween\n\n{NARROW}").get_absolute_url())
    wide, narrow = (box.bounding_box()["width"] for box in watched.page.locator(".table").all())
    text = watched.page.locator(".text > p").nth(1).bounding_box()["width"]
    assert wide > narrow == text


def test_the_contents_mark_the_section_that_is_read(browser_page):
    body = "\n\n".join(f"## Part {number}\n\n" + "words and more words " * 400 for number in range(1, 31))
    watched = browser_page(1280, reduced_motion="reduce")
    watched.open(make_post(body=body).get_absolute_url())
    page = watched.page
    current = page.locator(".contents [aria-current]")
    expect(current).to_have_count(0)
    for number in (3, 29, 1):
        page.locator(f"#s-part-{number}").evaluate("(heading) => heading.scrollIntoView()")
        expect(current).to_have_text([f"Part {number}"])
        # The list follows where it is longer than the window.
        box, link = page.locator(".contents").bounding_box(), current.bounding_box()
        assert box["y"] <= link["y"] and link["y"] + link["height"] <= box["y"] + box["height"] + 1
    page.keyboard.press("End")
    expect(current).to_have_text(["AlphaNode post meta"])
    assert current.get_attribute("aria-current") == "location"
    assert watched.complaints == []


HARD_TO_FIT = {
    "word": "x" * 300,
    "address": f"https://example.org/{'a' * 300}",
    "table": WIDE,
    "table of long words": f"| {'y' * 200} | b |\n|---|---|\n| 1 | {'z' * 200} |",
    "code": f"```python\n{'wide ' * 80}\n```\n\n    {'v' * 400}",
    "inline code": f"`{'c' * 300}`",
    "formula": f"$${'x_{abc}+' * 60}$$\n\nand $a{'+bcd' * 90}$",
    "heading": f"### {'h' * 200}",
    "quote": f"> {'q' * 200}\n\n- {'l' * 200}\n  - {'m' * 200}",
    "box": f"> [!NOTE]\n> {'n' * 200}\n>\n> {NARROW.replace(chr(10), chr(10) + '> ')}",
}


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_in_a_text_makes_the_page_scroll_sideways(browser_page, width):
    body = "## Start\n\n" + "\n\n".join(HARD_TO_FIT.values())
    image = {
        "url": "https://images.unsplash.com/a",
        "caption": "k" * 200,
        "alt": "l" * 200,
        "width": 3000,
        "height": 200,
    }
    watched = browser_page(width)
    watched.open(make_post(body=body, image_sources=[image]).get_absolute_url())
    found = watched.page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => {
            const box = one.getBoundingClientRect();
            return box.right > innerWidth + 1 && !one.closest(".table, pre, .figure__frame, .hidden-text");
        }).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert found == []
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
