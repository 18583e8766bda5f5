"""Accessibility errors that axe-core finds on a page."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Passed rules are not needed and take time. axe leaves out target size, a rule of WCAG 2.2, by default.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# The other colour scheme changes nothing but colours.
COLOURS = {"resultTypes": ["violations"], "preload": False, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
# A font that arrives later changes sizes.
RUN = "([context, options]) => document.fonts.ready.then(() => axe.run(context || document, options))"
Context = str | dict[str, Any] | None


def violations(page: Page, *, context: Context = None, **options: Any) -> list[str]:
    """Return each violation of axe-core on a Playwright page in a line: the rule, the element, what to do.

    context: a selector or an axe object that says which part of the page to check.
    """
    page.evaluate(Axe().axe_script)
    return _told(page, context, OPTIONS | options)


def violations_in_both_schemes(page: Page, *, context: Context = None) -> list[str]:
    """Return the violations on a page, and the contrast errors of the other colour scheme."""
    found = violations(page, context=context)
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    _choose_scheme(page, is_dark=not is_dark)
    found += _told(page, context, COLOURS)
    _choose_scheme(page, is_dark=is_dark)
    return found


def _choose_scheme(page: Page, *, is_dark: bool) -> None:
    """Switch the colour scheme and end the transitions that this starts: links of the admin have some."""
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    page.evaluate("document.getAnimations().forEach((one) => one.finish())")


def _told(page: Page, context: Context, options: dict[str, Any]) -> list[str]:
    found = page.evaluate(RUN, [context, options])["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]
