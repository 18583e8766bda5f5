"""Accessibility errors that axe-core finds on a page."""

from axe_playwright_python.sync_playwright import Axe

# Passed rules are not needed and take time. axe leaves out target size, a rule of WCAG 2.2, by default.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


def violations(page, *, context=None, **options):
    """Return each violation of axe-core on a Playwright page in a line: the rule, the element, what to do.

    context: a selector or an axe object that says which part of the page to check.
    """
    found = Axe().run(page, context=context, options=OPTIONS | options).response["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]
