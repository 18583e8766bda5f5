"""The Markdown editor in the form of a post, in a real Chromium."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from posts.models import Post
from tests.browser.axe import violations_in_both_schemes
from tests.browser.test_admin_pages import change_address, messages, sign_in
from tests.factories import make_post
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

IMAGES = [{"url": f"https://images.unsplash.com/{number}"} for number in (1, 2)]


@pytest.fixture
def opened(browser_page, editor):
    """Open the form of a post as an editor: opened(post, width=390)."""

    def open_form(post, **options):
        watched = browser_page(**options)
        sign_in(watched, editor)
        watched.open(change_address(post))
        return watched

    return open_form


def body(watched):
    return watched.page.locator("#id_body_editor")


def press(watched, label):
    watched.page.click(f"role=toolbar[name='Body: formatting'] >> role=button[name='{label}']")


def typed(watched):
    """Return the text of the field that the form sends."""
    return watched.page.input_value("#id_body")


def test_typing_fills_the_field_that_the_form_sends(opened):
    watched = opened(make_post(body="One."))
    watched.page.click("text='Body'")
    watched.page.keyboard.press("Control+End")
    watched.page.keyboard.type("\n\n- first\nsecond")
    assert typed(watched) == "One.\n\n- first\n- second"
    watched.follow("text='Save'")
    assert "Saved as 1.0.1." in messages(watched)
    assert Post.objects.get().body == "One.\n\n- first\n- second"
    assert watched.complaints == []


def test_a_text_that_another_script_puts_into_the_field_is_edited_on(opened):
    watched = opened(make_post(body="One."))
    watched.page.fill("#id_body", "Two.")
    assert body(watched).inner_text() == "Two."
    body(watched).focus()
    watched.page.keyboard.press("Control+End")
    watched.page.keyboard.type("!")
    assert typed(watched) == "Two.!"
    watched.page.keyboard.press("Control+z")
    assert typed(watched) == "Two."


def test_typing_in_the_editor_tells_the_page_so_leaving_it_warns(opened):
    watched = opened(make_post(body="One."))
    asked = []
    watched.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    body(watched).focus()
    watched.page.keyboard.type("Two. ")
    with watched.page.expect_event("dialog"):
        watched.page.click("text='Dashboard'")
    assert asked == ["beforeunload"]
    assert typed(watched) == "Two. One."


@pytest.mark.parametrize(
    ("label", "keys", "text"),
    [
        ("Heading", "Control+Shift+h", "## words"),
        ("Bold", "Control+b", "**words**"),
        ("Italic", "Control+i", "*words*"),
        ("Code", "Control+e", "`words`"),
        ("Link", "Control+k", "[words]()"),
        ("List", "Control+Shift+8", "- words"),
        ("Tasks", "Control+Shift+l", "- [ ] words"),
        ("Table", "Control+Shift+9", "words\n\n| Column | Column |\n| ------ | ------ |\n|        |        |"),
        ("Image", "Control+Shift+6", "words\n\n![](image:2)"),
        ("Checklist", "Control+Shift+7", "words\n\n[checklist]"),
    ],
)
def test_each_tool_has_a_button_and_keys(opened, label, keys, text):
    watched = opened(make_post(intro="![](image:1)", body="words", image_sources=IMAGES))
    body(watched).focus()
    watched.page.keyboard.press("Control+a")
    press(watched, label)
    assert typed(watched) == text
    watched.page.keyboard.press("Control+z")
    assert typed(watched) == "words"
    watched.page.keyboard.press("Control+a")
    watched.page.keyboard.press(keys)
    assert typed(watched) == text
    assert watched.complaints == []


def test_tools_work_on_several_lines_and_a_second_press_undoes_them(opened):
    watched = opened(make_post(body="one\ntwo"))
    body(watched).focus()
    for label, with_it, without in [
        ("List", "- one\n- two", "one\ntwo"),
        ("Tasks", "- [ ] one\n- [ ] two", "one\ntwo"),
        ("Bold", "**one\ntwo**", "one\ntwo"),
    ]:
        watched.page.keyboard.press("Control+a")
        press(watched, label)
        assert typed(watched) == with_it
        press(watched, label)
        assert typed(watched) == without
    watched.page.keyboard.press("Control+a")
    press(watched, "Tasks")
    press(watched, "List")
    assert typed(watched) == "- one\n- two"
    watched.page.keyboard.press("Control+a")
    press(watched, "Code")
    assert typed(watched) == "```\n- one\n- two\n```"


def test_the_toolbar_is_one_stop_for_tab_and_has_arrow_keys(opened):
    watched = opened(make_post(body="words"))
    keys = watched.page.keyboard
    focused = watched.page.locator(":focus")
    body(watched).focus()
    keys.press("Shift+Tab")
    expect(focused).to_have_text("Heading")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    expect(focused).to_have_text("Italic")
    keys.press("End")
    expect(focused).to_have_text("Full screen")
    keys.press("Tab")
    expect(body(watched)).to_be_focused()
    # Tab leaves the text: nobody is caught in it.
    keys.press("Tab")
    assert typed(watched) == "words"
    expect(body(watched)).not_to_be_focused()


def test_search_finds_and_replaces(opened):
    watched = opened(make_post(body="a worker, another worker"))
    body(watched).focus()
    watched.page.keyboard.press("Control+f")
    watched.page.keyboard.type("worker")
    expect(watched.page.locator(".cm-searchMatch")).to_have_count(2)
    watched.page.fill("[name=replace]", "job")
    watched.page.click("text='replace all'")
    assert typed(watched) == "a job, another job"
    assert watched.complaints == []


def test_full_screen_leaves_nothing_else_to_reach_and_escape_ends_it(opened):
    watched = opened(make_post(body="words"))
    press(watched, "Full screen")
    whole = {"x": 0, "y": 0, "width": 1280, "height": 900}
    wait_until(lambda: watched.page.locator(".md-editor--body").bounding_box() == whole)
    expect(watched.page.locator("[inert] .save-bar, .save-bar[inert]")).to_have_count(1)
    watched.page.keyboard.press("Escape")
    expect(watched.page.locator("[inert]")).to_have_count(0)
    expect(body(watched)).to_be_focused()
    watched.follow("text='Save'")
    assert "Nothing changed." in messages(watched)


def test_without_script_the_texts_are_plain_fields(browser_page, editor):
    post = make_post(body="One.")
    watched = browser_page(java_script_enabled=False)
    sign_in(watched, editor)
    watched.open(change_address(post))
    watched.page.fill("#id_body", "Two.")
    assert watched.page.locator("#id_body").bounding_box()["height"] > 300
    watched.follow("text='Save'")
    assert Post.objects.get().body == "Two."


def test_a_link_to_the_field_and_an_error_in_it_lead_into_the_editor(opened):
    watched = opened(make_post(body="One."))
    watched.page.evaluate("location.hash = '#id_body'")
    expect(body(watched)).to_be_focused()
    watched.page.fill("#id_body", "a\x00b")
    watched.follow("text='Save'")
    expect(body(watched)).to_be_focused()
    assert body(watched).get_attribute("aria-invalid") == "true"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_editor_has_no_accessibility_violation_and_breaks_no_policy(opened, width):
    watched = opened(make_post(body="## words\n\n`code` and [link](https://example.org)"), width=width)
    assert watched.page.evaluate("document.querySelectorAll('style, [style*=\"url\"]').length") == 0
    body(watched).focus()
    watched.page.keyboard.press("Control+f")
    watched.page.keyboard.type("words")
    assert body(watched).get_attribute("spellcheck") == "true"
    assert watched.complaints == []
    assert violations_in_both_schemes(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_new_post_is_written_in_the_editor(browser_page, editor):
    watched = browser_page()
    sign_in(watched, editor)
    watched.open(reverse("admin:posts_post_add"))
    watched.page.fill("#id_title", "Draining a worker")
    watched.page.click("text='Body'")
    watched.page.keyboard.type("A job was lost.")
    watched.follow("text='Save'")
    assert Post.objects.get().body == "A job was lost."


def preview(watched):
    return watched.page.frame_locator("#live-preview-frame")


def test_the_preview_follows_the_typed_text_without_a_save(opened):
    watched = opened(make_post(body="## One\n\nFirst."))
    preview(watched).get_by_text("First.").wait_for()
    body(watched).focus()
    watched.page.keyboard.press("Control+End")
    watched.page.keyboard.type(" Second.")
    preview(watched).get_by_text("First. Second.").wait_for()
    watched.page.fill("#id_title", "Another title")
    preview(watched).get_by_role("heading", name="Another title").wait_for()
    assert Post.objects.get().body == "## One\n\nFirst."
    assert watched.complaints == []


def test_no_script_of_a_text_runs_in_the_preview_and_its_links_lead_nowhere(opened):
    watched = opened(
        make_post(body="<script>top.hit = 1</script> <img src=x onerror=top.hit=1> [a](https://evil.example)")
    )
    link = preview(watched).get_by_role("link", name="a", exact=True)
    link.focus()
    watched.page.keyboard.press("Enter")
    assert watched.page.locator("#live-preview-frame").get_attribute("sandbox") == "allow-same-origin"
    assert watched.page.evaluate("window.hit") is None
    assert link.is_visible()
    assert watched.foreign == []
    assert len(watched.page.context.pages) == 1
    # Even a page with live markup in the frame runs nothing. (Once all of it is loaded, the frame gets a new body.)
    expect(preview(watched).locator("html")).to_have_attribute("style", re.compile("color-scheme"))
    watched.page.evaluate(
        """() => {
          const page = document.querySelector("#live-preview-frame").contentDocument;
          page.body.innerHTML = "<img src='data:,' onerror='top.hit = 1'><button onclick='top.hit = 1'>b</button>";
        }"""
    )
    preview(watched).get_by_role("button", name="b").click()
    assert watched.page.evaluate("window.hit") is None


def test_findings_are_marked_in_the_text_while_typing_and_listed(opened):
    watched = opened(make_post(body="Fine."))
    watched.page.get_by_text("No blocking issues").wait_for()
    body(watched).focus()
    watched.page.keyboard.press("Control+End")
    watched.page.keyboard.type("\n\nLook: [Insert diagram here]")
    mark = watched.page.locator(".cm-lintRange-error")
    mark.first.wait_for()
    assert "".join(mark.all_inner_texts()) == "[Insert diagram here]"
    expect(watched.page.locator(".cm-lint-marker-error")).to_have_count(1)
    watched.page.get_by_text("1 blocking issue,").click()
    watched.page.keyboard.press("Control+Home")
    watched.page.get_by_role("button", name="A placeholder was not filled").click()
    expect(body(watched)).to_be_focused()
    watched.page.keyboard.type("a diagram.")
    watched.page.get_by_text("No blocking issues").wait_for()
    assert typed(watched) == "Fine.\n\nLook: a diagram."
    expect(mark).to_have_count(0)


def test_the_preview_scrolls_with_the_text(opened):
    parts = [f"## Part {number}\n\n" + f"Words of part {number}.\n\n" * 12 for number in range(1, 9)]
    watched = opened(make_post(title="Scrolling", intro="Short.", body="".join(parts)))
    preview(watched).get_by_role("heading", name="Part 8").wait_for()
    scroller = watched.page.locator(".md-editor--body .cm-scroller")
    shown = """() => {
      const page = document.querySelector("#live-preview-frame").contentDocument;
      const at = (id) => Math.abs(page.getElementById(id).getBoundingClientRect().top);
      return ["s-part-1", "s-part-2", "s-part-3", "s-part-4", "s-part-5", "s-part-6", "s-part-7", "s-part-8"]
        .sort((one, other) => at(one) - at(other))[0];
    }"""
    for number in (4, 6, 2):
        body(watched).focus()
        watched.page.keyboard.press("Control+f")
        watched.page.keyboard.type(f"## Part {number}")
        watched.page.keyboard.press("Enter")
        watched.page.keyboard.press("Escape")
        top = f"""(scroller) => {{
          const line = [...scroller.querySelectorAll(".cm-line")].find((one) => one.textContent === "## Part {number}");
          scroller.scrollTop += line.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
        }}"""
        scroller.evaluate(top)
        wait_until(lambda wanted=f"s-part-{number}": watched.page.evaluate(shown) == wanted)
    scroller.evaluate("(scroller) => { scroller.scrollTop = scroller.scrollHeight; }")
    is_at_end = """() => {
      const page = document.querySelector("#live-preview-frame").contentDocument.documentElement;
      return page.scrollTop > 0 && page.scrollTop + page.clientHeight >= page.scrollHeight - 2;
    }"""
    wait_until(lambda: watched.page.evaluate(is_at_end))


def test_the_preview_can_be_hidden_and_stays_so(opened):
    watched = opened(make_post(body="First."))
    frame = watched.page.locator("#live-preview-frame")
    frame.wait_for()
    watched.page.click("text='Hide live preview'")
    expect(frame).to_be_hidden()
    watched.page.reload()
    watched.page.get_by_text("Show live preview").wait_for()
    expect(frame).to_be_hidden()
    watched.page.click("text='Show live preview'")
    expect(frame).to_be_visible()


def test_on_a_phone_the_preview_is_a_tab(opened):
    watched = opened(make_post(body="First."), width=390)
    frame = watched.page.locator("#live-preview-frame")
    expect(frame).to_be_hidden()
    watched.page.click("role=tab[name='Live preview']")
    preview(watched).get_by_text("First.").wait_for()
    expect(body(watched)).to_be_hidden()
    assert violations_in_both_schemes(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.page.click("role=tab[name='Text']")
    expect(body(watched)).to_be_visible()
    expect(frame).to_be_hidden()


def test_a_preview_that_cannot_be_updated_says_why(opened):
    watched = opened(make_post(body="First."))
    preview(watched).get_by_text("First.").wait_for()
    watched.page.context.clear_cookies()
    body(watched).focus()
    watched.page.keyboard.type("More. ")
    watched.page.get_by_text("The preview is not up to date").wait_for()
    assert typed(watched) == "More. First."
