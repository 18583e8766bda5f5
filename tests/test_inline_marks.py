"""Marks within a line: highlights, raised and lowered characters, abbreviations and the short names of emoji."""

import pytest

from posts.rendering.blocks import blocks_of
from posts.rendering.markdown import render_text

pytestmark = pytest.mark.once


def page_of(text):
    return str(render_text({"body": text}, image_hosts=()).html)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("==one **two**==", "<mark>one <strong>two</strong></mark>"),
        ("H~2~O and CO~2~.", "H<sub>2</sub>O and CO<sub>2</sub>."),
        ("x^2^ + 10^-9^ m, 1^st^", "x<sup>2</sup> + 10<sup>-9</sup> m, 1<sup>st</sup>"),
        ("~there~ world", "<s>there</s> world"),
        ("[x^2^](y)", "x<sup>2</sup></a>"),
        ("| ==a== |\n|---|\n| ~b~ |", "<td><s>b</s></td>"),
        ("Done :tada: :+1:", "Done 🎉 👍"),
    ],
)
def test_a_mark_reads_as_what_it_means(text, shown):
    assert shown in page_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "a==b==c", "if (a == b) and c == d", "==unclosed", "== a ==", "a === b === c",
        "a^b^c", "^_^", "2^10", "x ^ y ^ z", "~5 and ~6", "~/bin and foo~", "~ a ~", "a~b",
        ":nope:", "10:30:45", "std::vec::Vec", "a:tada:b", "Time 12:x:30",
    ],
)  # fmt: skip
def test_what_is_no_mark_keeps_every_character(text):
    assert page_of(text).strip() == f"<p>{text}</p>"


def test_code_keeps_its_marks():
    page = page_of("`==a==` `H~2~O` `:tada:`\n\n    x^2^ :tada:\n\n*[HTML]: Hypertext\n\n`HTML`")
    assert "==a==" in page and "H~2~O" in page and page.count(":tada:") == 2 and "<abbr" not in page


def test_an_abbreviation_is_explained_wherever_its_word_stands():
    text = 'The HTML spec, not HTML5.\n\n- HTML again\n\n*[HTML]: Hypertext <Markup> "Language"\n*[W3C]: x'
    page = page_of(text)
    assert page.count("<abbr title=") == 2 and "HTML5" in page and "*[" not in page
    assert "&lt;Markup&gt;" in page and "<Markup" not in page
    blocks, loose = blocks_of(text)
    assert not loose and any("*[HTML]" in block.source for block in blocks)
