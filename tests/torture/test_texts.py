"""Expensive texts: each is rendered or shown as written, in a process with limits on time and memory."""

import json
import resource
import subprocess
import sys

import pytest

from posts.rendering.code_blocks import COLOURED

pytestmark = pytest.mark.torture

SECONDS = 30
MEMORY_MIB = 1500
TEXTS = {
    "open brackets": "[" * 1_000_000,
    "open brackets, as many as are looked at": "![" * 10_000,
    "open links": "[a](" * 50_000,
    "open images": "![](" * 50_000,
    "open character data": "<![CDATA[" * 100_000,
    "brackets nested in brackets": "[" * 5_000 + "a" + "](b)" * 5_000,
    "emphasis nested in emphasis": "**a " * 50_000 + "a**" * 50_000,
    "strikes nested in strikes": "~~a " * 50_000 + "a~~" * 50_000,
    "quotes": ">" * 20_000 + "a",
    "emphasis that never closes": "*a _b " * 30_000,
    "strong that never closes": "**a" * 60_000,
    "strikes that never close": "~~a " * 60_000,
    "nested lists": "\n".join(f"{'  ' * depth}* a" for depth in range(1400)),
    "nested ordered lists": "1. " * 5_000 + "a",
    "back ticks of every length": "".join(f"e{'`' * count}" for count in range(1, 1400)),
    "autolinks that never close": "<a:" * 100_000,
    "HTML nested 100,000 deep": "<div>" * 100_000,
    "tags that never close": "<b " * 330_000,
    "an element of 20,000 attributes": "<a " + " ".join(f'a{number}="1"' for number in range(20_000)) + ">",
    "comments that never close": "<!--" * 200_000,
    "entities": "&lt;" * 200_000,
    "references to references": "\n".join(f"[{number}]: /{number}\n" for number in range(20_000)) + "[0] [19999]",
    "a reference used at every turn": f"[a]: /{'x' * 1000}\n\n" + "[a]" * 100_000,
    "a wide table": "|" + "a|" * 50_000 + "\n|" + "-|" * 50_000 + "\n|" + "b|" * 50_000,
    "a long table": "|a|\n|-|\n" + "|b|\n" * 200_000,
    "headings of one name": "# a\n\n" * 30_000,
    "rules": "---\n\n" * 150_000,
    "escapes": "\\" * 1_000_000,
    "combining marks": "a" + "\u0301" * 500_000,
    "one line of spaces": "a" + " " * 1_000_000 + "b",
    "code of many blocks": ("```c#\n" + "a b\n" * 999 + "```\n\n") * 200,
    "code of one long line": "```python\n" + "(" * 900_000,
    "code of many languages": "".join(f"```x{number}\n1\n```\n\n" for number in range(20_000)),
}
RENDER = """
import sys, time
import django
django.setup()
from posts.rendering import render_text
text = sys.stdin.buffer.read().decode()
started = time.process_time()
html = render_text({"body": text}).html
how = "as written" if "Shown as source" in html else "set"
print(f"{how}, {len(html):,} characters in {time.process_time() - started:.1f} s")
"""


COLOUR = """
import sys
import django
django.setup()
from pygments.lexers import get_all_lexers
from posts.rendering import COLOURED, MAX_COLOURED, render_text
aliases = next(aliases for name, aliases, *_ in get_all_lexers() if name == sys.argv[1])
for piece in sys.stdin.read().split("\\0"):
    code = piece * (MAX_COLOURED // len(piece))
    assert "<code>" in render_text({"body": "~~~~ " + aliases[0] + "\\n" + code + "\\n~~~~"}).html
"""
PIECES = ["a", "(", "[", "{", "<", '"', "'", "/", "\\", "a ", "a.", 'a="', "<a ", "/*", "--", "#", "$", "@", " ", "\n",
          "\t\n ", "0", "0x1", "_", "a:", "((a", "<!--", "::", "a b\n", "''", "`", "%", "&", "*", "a(b "]  # fmt: skip


def _limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MIB << 20, MEMORY_MIB << 20))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_made_to_cost_much_is_shown_within_its_means(name):
    ended = subprocess.run(
        [sys.executable, "-c", RENDER],
        input=TEXTS[name].encode(),
        capture_output=True,
        preexec_fn=_limits,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": ".", "PYTHONUTF8": "1"},
    )
    print(json.dumps({name: ended.stdout.decode().strip()}))
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    assert ended.stdout.startswith((b"set", b"as written"))


@pytest.mark.parametrize("language", sorted(COLOURED))
def test_no_language_that_is_coloured_takes_long_for_any_short_piece_repeated(language):
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COLOUR, language],
        input="\0".join(PIECES).encode(),
        capture_output=True,
        preexec_fn=_limits,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": ".", "PYTHONUTF8": "1"},
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
