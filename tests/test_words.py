"""Every string that a person can see is plain English, in the words of docs/glossary.md."""

import functools
import re
from collections.abc import Iterator

import pytest

from scripts.list_strings import Shown, shown_strings

# Made-up posts and comments of the demo; what benchmarks say to developers; files with lists of names.
FREE = (
    "bench/",
    "posts/synthesis/",
    "posts/management/commands/demo.py",
    "posts/content_checks/residue.py",
    "posts/content_checks/drafts.py",
    "posts/content_checks/languages.py",
    "posts/importing/readers/html_",
    "posts/rendering/from_html/",
    "posts/search/tokens.py",
)

# What not to write, as a regular expression, and what to write instead.
INSTEAD = {
    r"whoever": "name the person or the thing",
    r"anew": "again",
    r"mend(s|ed|ing)?": "fix, repair",
    r"none of the": "Choose … from the list.",
    r"stand(s)? in the way": "blocking issue, problem",
    r"no longer stands|stands (here|there|above|below|already|nowhere|in the log)": "applies; is",
    r"signs? (that|which|of)|\d+ signs": "characters",
    r"turn(s|ed)? down": "reject, request changes",
    r"(take|takes|took|taken) (out|back)": "remove; undo",
    r"(lead|leads|led) (on|there|nowhere)": "redirects; does not exist",
    r"by itself|by themselves": "individually; automatically",
    r"all the same": "anyway",
    r"asked? for edits|edits asked for|sent back": "request changes, changes requested",
    r"(wait|waits|waiting) for (a|another) person|everything that waits": "pending review",
    r"ask(s|ed)? (for )?a person|for a second look": "flag for human review",
    r"look-?alikes?|twins?": "near-duplicate",
    r"neighbours?": "related posts",
    r"the desk|your desk": "the admin, the dashboard",
    r"bulk acts?|this act|such act": "action",
    r"the pile": "backlog",
    r"at this moment|that moment|this moment|later moment": "time",
    r"is no (file|folder|number|date|day|port|setting|record|text|object|JSON|YAML|TOML|XML|UTF-8)": "is not a …",
    r"there (is|are) no such|no such": "Unknown …; No … has this number.",
    r"comes? of it|came of it": "result",
    r"goes? on|go on": "continue",
}
# How a status reads in a sentence; a name that the database has.
ALLOWED = re.compile(r"sent back for changes|twins in the queue|(?:look at posts for a )?bulk act$|{[^{}]*}")

MOST_WORDS = 28


@functools.cache
def strings() -> list[Shown]:
    """Return the strings that have to be plain."""
    return [shown for shown in shown_strings() if not shown.path.startswith(FREE)]


@pytest.mark.once
def test_the_list_of_strings_finds_each_kind() -> None:
    found = {(shown.path, shown.text) for shown in strings()}
    for path, text in (
        ("posts/operations/flag.py", "Choose a reason from the list."),
        ("posts/models/revision.py", "Changes requested"),
        ("templates/public/404.html", "Page not found"),
        ("templates/admin/index.html", "You have no role yet"),
        ("static/js/site.js", "Copied"),
        ("Makefile", "list the commands"),
        (".env.example", "off closes the whole site to search engines."),
    ):
        assert any(where == path and text in said for where, said in found), f"{path} says “{text}”"


@pytest.mark.once
@pytest.mark.parametrize("words", INSTEAD)
def test_no_string_uses_words_that_a_stranger_stumbles_over(words: str) -> None:
    banned = re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)
    stiff = [
        f"{shown.path}:{shown.line}: {shown.text}"
        for shown in strings()
        if banned.search(ALLOWED.sub("", shown.text)) and " " in shown.text
    ]
    assert not stiff, f"Write “{INSTEAD[words]}”:\n" + "\n".join(stiff)


@pytest.mark.once
def test_no_sentence_is_long() -> None:
    long = [
        f"{shown.path}:{shown.line}: {sentence}"
        for shown in strings()
        for sentence in sentences_of(shown.text)
        if len(sentence.split()) > MOST_WORDS
    ]
    assert not long, f"Make sentences of at most {MOST_WORDS} words:\n" + "\n".join(long)


def sentences_of(text: str) -> Iterator[str]:
    """Yield the sentences and lines of a text, with one word in place of each hole; keys and code are none."""
    text = re.sub(r"{[^{}]*}", "x", text)
    for sentence in re.split(r"[.:;!?|…](?:\s|$)|\s[·→]\s", text):
        if re.match(r"[A-Z“]", sentence) and not re.search(r"[_\\()]", sentence):
            yield sentence
