"""The figures of `make corpora FOLDER=…` on small files of our own: what pages must show of Markdown from anywhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from posts.rendering.markdown import render_text
from tests.corpora.figures import figures_of, has_place, words_of_source

SITE = {
    "posts/a.md": """---
title: A
---
# A title

[Below](#set-up), [there](other.md#part), [[other]], <small>small</small> words[^1] and `code`.

<Tabs>
<TabItem label="npm">

```js title="a.js" {1}
install()
```

</TabItem>
</Tabs>

<div class="note"><span id="anchor"></span>

:::tip Aside
Inside a box.
:::

</div>

## Set up {#set-up}

| Name | Value |
|:-:|--:|
| One | ~~two~~ |

- [x] done <!-- hidden from readers -->

[^1]: A note below.
""",
    "posts/other.md": "---\ntitle: Other\n---\n## Part\n\n{{< shortcode >}} [back](./a.md) [anchor](a.md#anchor)\n",
}


@pytest.fixture
def site(tmp_path):
    for path, text in SITE.items():
        (tmp_path / "site" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / path).write_text(text, encoding="utf-8")
    return tmp_path / "site"


@pytest.mark.django_db
@pytest.mark.once
def test_our_own_files_reach_every_figure(site):
    counted = figures_of(site)
    assert counted.failures() == [], counted.lines()
    assert (counted.posts, len(counted.in_page_dead), len(counted.to_files_lost), counted.to_files) == (2, 0, 0, 4)
    assert counted.in_page >= 1 and counted.words > 20 and counted.syntax == {"{{< shortcode >}}": 1}


@pytest.mark.django_db
@pytest.mark.once
def test_the_figures_find_dead_links_shown_tags_and_missing_words(site, monkeypatch):
    text = "## Here\n\n[dead](#her) [none](#nowhere) [gone](gone.md) <object>shown</object>"
    (site / "posts" / "b.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr("tests.corpora.figures.words_of_source", lambda text: words_of_source(text) | {"unseen"})
    counted = figures_of(site)
    assert counted.failures() == ["links within a page", "tags as text", "missing words"]
    assert [len(counted.in_page_dead), len(counted.to_files_lost), len(counted.missing)] == [1, 1, 3]
    assert counted.without_place == ["posts/b.md: #nowhere"]


@pytest.mark.once
def test_the_command_prints_the_figures_and_says_whether_they_reach_their_goals(site):
    command = [sys.executable, "-m", "tests.corpora.figures", str(site)]
    ran = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "links within a page that lead somewhere: " in ran.stdout and "goals missed: none" in ran.stdout


def test_words_that_a_page_may_leave_out_are_not_looked_for():
    text = "Kept <!-- gone --> {{ gone }} {% gone %} <b class='gone'>bold</b> [words](gone/gone) {: .gone }"
    assert words_of_source(text) == {"kept", "bold", "words"}
    assert "kept" in str(render_text({"body": "kept"}).html)


@pytest.mark.parametrize(
    "line",
    ["## Setting Up", "Setting up\n---", "Setting up\n: To begin", "<h2>Setting up</h2>", '<a name="setting_up">'],
)
def test_a_place_is_one_that_any_generator_may_call_by_the_name(line):
    assert has_place(f"[Up](#setting-up)\n\n{line}\n", "setting-up-1")
    assert not has_place("[Up](#setting-up)\n\nSetting up\n\n## Beginning\n", "setting-up")


def test_a_link_to_a_heading_that_ends_in_signs_may_call_them_by_words():
    text = "[Up](#set-up-woman-tools)\n\n## Set up (👩\u200d💻, 🛠\ufe0f)\n"
    assert has_place(text, "set-up-woman-tools")
    assert 'href="#s-set-up' in str(render_text({"body": text}).html).partition("</p>")[0]
