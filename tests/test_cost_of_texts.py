"""A text of twice as many openings, with or without their ends, is twice the work and not four times as much."""

import importlib
import pkgutil
import re
import sys

import pytest

import posts.rendering
from posts.rendering.markdown import render_text

TIMES = 200
# (what is repeated, what follows it, what begins the text), or a function of the number of repetitions
TEXTS = {
    "comments of Jekyll in items": ("- {% comment %} a\n", "end {% endcomment %}"),
    "comments of Jekyll in one paragraph": ("{% comment %} a\n", "end {% endcomment %} words"),
    "comments of Jekyll in one item": ("  {% comment %} a\n", "end {% endcomment %}", "- b\n\n"),
    "comments of Hugo in items": ("- {{/* a\n", "end */}}"),
    "comments of MDX in items": ("- {/* a\n", "end */}"),
    "comments of MDX in pictures": ("![{/* a](b) {/* ", ""),
    "comments of HTML in items": ("- <!-- a\n", "end -->"),
    "comments of HTML": ("<!-- a\n", ""),
    "comments of HTML in quotations": ("> <!-- a\n", ""),
    "comments of HTML in a paragraph": ("a <!-- a ", ""),
    "containers": (":::note\n", ""),
    "containers in items": ("- :::note\n", ":::"),
    "admonitions": ("!!! note\n", ""),
    "tabs": ('=== "a"\n\n', ""),
    "notes of Obsidian": ("%% a\n", "a %%"),
    "references to notes": ("[^a] ", ""),
    "notes": ("[^a]: b\n", ""),
    "disclosures": ("<details>\n", ""),
    "disclosures in items": ("- <details>\n", "</details>"),
    "code": ("<pre>\n", ""),
    "code in items": ("- <pre>\n", "</pre>"),
    "keys": ("<kbd>a ", "</kbd>"),
    "shortcodes": ("{{< tabs \n", ">}}"),
    "templates": ("{% raw ", ""),
    "tags of a block": ("<div a\n", ">"),
    "components": ("<Tabs>\n", ""),
    "imports": ("import {a,\n", '} from "a"'),
    "formulas": ("$$\na\n", ""),
    "definitions": ("a\n: b\n\n", ""),
    "headings": ("# a {#b}\n", ""),
    "hints of Hugo": ("{{< hint >}}\n", "{{< /hint >}}"),
    "hints of GitBook in items": ("- {% hint %}\n", "{% endhint %}"),
    "code of Jekyll": ("{% highlight a %}\n", ""),
    "directives": ("```{note}\n", ""),
    "directives in items": ("- :::{note}\n", ":::"),
    "blocks of slashes": ("/// note\n", ""),
    "blocks of slashes in items": ("- /// note\n", "///"),
    "callouts": ("> [!note]- a\n\n", ""),
    "places of contents": ("[TOC]\n", ""),
    "lists of contents": ("* a\n{:toc}\n", ""),
    "attribute lists below": ("> a\n{: .tip}\n\n", ""),
    "attribute lists above": ("{: .tip}\na\n\n", ""),
    "attribute lists in a line": ("*a*{: .b}", ""),
    "attribute lists without an end": ("*a*{: .b ", ""),
    "notes in their place": ("a^[b ", ""),
    "notes in their place with ends": ("a^[b] ", ""),
    "formulas in brackets": ("\\(a^ ", ""),
    "formulas in brackets on lines": ("\\[\n", ""),
    "tags over paragraphs": ("<del>\n\n", "</del>"),
    "tags over paragraphs with ends": ("<b>\n\na</b>\n\n", ""),
    "tags in a line": ("<b></i>", ""),
    "tables of HTML": ("<table>\n<tr><td>\n\na\n\n", ""),
    "tables of HTML with ends": ("<table><tr><td>a</td></tr></table>\n", ""),
    "tables of HTML in each other": lambda times: "<table>\n<tr><td>\n\n" * times + "</td></tr>\n</table>\n" * times,
    "lists of HTML": ("<ul>\n<li>a\n", ""),
    "lists of HTML in each other": lambda times: "<ul>\n<li>a\n" * times + "</ul>\n" * times,
    "lists of HTML around a script": lambda times: "<ul>\n" * times + "<script>\n" + "</ul>\n" * times,
    "paragraphs of HTML": ("<p>a\n", ""),
    "paragraphs of HTML in items": ("- <p>a\n", "</p>"),
    "headings of HTML": ("<h2>a\n", "</h2>"),
    "drawings": ("a <svg> ", "</svg>"),
    "drawings in a passage": ("<p>a <svg> ", "</svg></p>"),
    "words in brackets": ("[a]{.b ", ""),
    "templates with ids": ('{{% a id="b" ', "%}}"),
    "links to beginnings of headings": lambda times: "".join(
        f"# abc{number} d\n[e](#abc{number})\n" for number in range(times)
    ),
    "marked words": ("==a ", ""),
    "raised characters": ("a^b", ""),
    "struck words": (" ~a", ""),
    "emoji": (":tada:", ""),
    "abbreviations": lambda times: "".join(f"*[A{number}]: b\n" for number in range(times)) + "A1 " * times,
    "containers of a site": ("::: code-group\n", ":::"),
    "programs": ("<?a\n", ""),
    "programs in a line": ("a <?b ", ""),
    "indentation below tags": ("<div>\n    a\n", ""),
    "headings with a number": lambda times: "".join(f"# a\n# a {number}\n" for number in range(times)),
    "emphasis around pictures": lambda times: "*a " * times + "![](a)" * times,
    "names of hosts and addresses of mail": lambda times: "www.a.example " * times + "a@b.example " * times,
}


class Searched:
    """A pattern that counts the characters that its searches pass over."""

    def __init__(self, pattern, count):
        self._pattern, self._count = pattern, count

    def __getattr__(self, name):
        return getattr(self._pattern, name)

    def search(self, text, place=0, *end):
        found = self._pattern.search(text, place, *end)
        self._count((found.end() if found else min([len(text), *end])) - place)
        return found


@pytest.fixture
def work_of(monkeypatch):
    """Return a function that counts the lines of our own code that run for a text, and what patterns search."""
    steps = 0

    def count(more):
        nonlocal steps
        steps += more

    def counted(value):
        if isinstance(value, re.Pattern):
            return Searched(value, count)
        return tuple(map(counted, value)) if type(value) is tuple else value

    for module in pkgutil.walk_packages(posts.rendering.__path__, "posts.rendering."):
        for name, value in vars(importlib.import_module(module.name)).copy().items():
            if isinstance(value, (re.Pattern, tuple)):
                monkeypatch.setitem(vars(sys.modules[module.name]), name, counted(value))

    def trace(frame, event, argument):
        if "/posts/rendering/" not in frame.f_code.co_filename.replace("\\", "/"):
            return None
        count(1)
        return trace

    def work(text):
        nonlocal steps
        steps, before = 0, sys.gettrace()
        sys.settrace(trace)
        try:
            render_text({"body": text})
        finally:
            sys.settrace(before)
        return steps

    return work


def text_of(made, times):
    if callable(made):
        return made(times)
    opening, rest, first = (*made, "")[:3]
    return first + opening * times + rest


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_twice_as_many_openings_is_twice_the_work(work_of, name):
    once, twice = (work_of(text_of(TEXTS[name], times)) for times in (TIMES, 2 * TIMES))
    assert twice < 2.5 * once
