"""What axe-core, which looks for what keeps people out, finds on a page."""

from axe_playwright_python.sync_playwright import Axe

# What it has found to be right is read by nobody and takes time. Small targets are a rule of WCAG 2.2 that
# it leaves out by itself.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


def violations(page, *, context=None, **options):
    """Each violation on a page of Playwright in a line: the rule, the element, what to do. context: a selector or an
    object of axe's that says which part of the page is looked at."""
    found = Axe().run(page, context=context, options=OPTIONS | options).response["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]
