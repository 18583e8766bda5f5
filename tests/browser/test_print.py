"""The printed article: complete, without controls."""

import io

import pytest
from pypdf import PdfReader

from tests.every_page import IMAGES, full_post
from tests.factories import make_post

pytestmark = pytest.mark.browser


def shown(page, selector):
    return page.locator(selector).first.is_visible()


def test_print_opens_what_is_folded_and_leaves_out_what_is_clicked(browser_page):
    post = full_post(image_sources=IMAGES)
    watched = browser_page()
    watched.open(post.get_absolute_url())
    watched.page.emulate_media(media="print")
    for selector in (
        ".trail",
        ".check code",
        ".fold--notes .meta-text",
        ".fold--payload .meta-text",
        ".more .meta-text",
    ):
        assert shown(watched.page, selector), selector
    assert shown(watched.page, ".end-line")
    for selector in (".site-nav", ".contents", ".similar", ".report-line", ".colour-switch", ".code__copy"):
        assert watched.page.locator(selector).count() and not shown(watched.page, selector), selector


def test_folds_open_for_paper_and_close_again_where_style_sheets_can_not_do_it(browser_page):
    watched = browser_page()
    watched.open(full_post().get_absolute_url())
    notes = watched.page.locator(".fold--notes")
    watched.page.locator(".fold--payload > summary").click()
    watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert notes.get_attribute("open") is not None
    watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert notes.get_attribute("open") is None
    assert watched.page.locator(".fold--payload").get_attribute("open") is not None


def test_on_paper_code_wraps_and_links_say_where_they_lead(browser_page):
    body = "## A\n\n[a link](https://example.org/x) and [a place](#b)\n\n```python\nprint('" + "wide " * 60 + "')\n```"
    watched = browser_page(700)
    watched.open(make_post(body=body).get_absolute_url())
    page = watched.page
    page.emulate_media(media="print")
    after = "(link) => getComputedStyle(link, '::after').content"
    assert "https://example.org/x" in page.locator(".text p a").first.evaluate(after)
    assert page.locator(".text pre").evaluate("(pre) => pre.scrollWidth <= pre.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.emulate_media(media="screen")
    assert page.locator(".text pre").evaluate("(pre) => pre.scrollWidth > pre.clientWidth")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pdf_holds_the_last_paragraph_and_every_fold(browser_page, width):
    long = "\n\n".join(f"Paragraph {number} says a few words about draining." for number in range(120))
    post = make_post(body=f"## A\n\n{long}\n\nThese are the very last words.", notes=["a note from the record"])
    watched = browser_page(width)
    watched.open(post.get_absolute_url())
    pdf = PdfReader(io.BytesIO(watched.page.pdf(format="A4")))
    words = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert len(pdf.pages) > 3
    for said in ("Paragraph 0 says", "Paragraph 119 says", "the very last words", "a note from the record"):
        assert said in words, said
    assert post.head_revision.fingerprint in words.replace(" ", "")
    assert "Report a problem" not in words
