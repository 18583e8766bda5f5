"""The residue checks: what generators, chats and template engines leave in a text, and what only looks like it."""

from io import StringIO

import pytest
from django.core.management import call_command

from posts.content_checks import findings
from posts.management.commands.demo import demo_records
from posts.synthesis.synthesizer import synthesize_record

ARTICLE = "Retries need a limit, and the limit needs a reason.\n\n## Why\n\nA queue that retries for ever fills up."

TWICE = "A limit that nobody has measured is a guess, and a guess that nobody writes down is soon a rule for everybody."
GERMAN = (
    "Ein Prozess, der mitten in der Arbeit endet, lässt die Aufgabe halb fertig zurück. Das ist nicht schlimm, wenn "
    "die Aufgabe noch einmal laufen darf, und es ist teuer, wenn sie das nicht darf. Die Zeit ist für die meisten "
    "Aufgaben lang genug, aber nicht für alle."
)


def residue(**fields):
    """Return {id: message} of the residue that is found in a record."""
    found = findings({"title": "Retries", "body": ARTICLE} | fields)
    return {finding.check: finding.message for finding in found if finding.check.startswith("residue-")}


@pytest.mark.parametrize(
    ("body", "check", "shown"),
    [
        (f"<think>They want an article.</think>\n\n{ARTICLE}", "residue-thoughts", "<think>"),
        (f"<think>\nThey want an article.\n</think>\n\n{ARTICLE}", "residue-thoughts", "<think>"),
        (f"They want an article. I keep it short.</think>\n\n{ARTICLE}", "residue-thoughts", "</think>"),
        (f"<thinking>\nShort sentences.\n\nNo lists.\n</thinking>\n{ARTICLE}", "residue-thoughts", "<thinking>"),
        (f"<Reasoning effort='low'>Short.</Reasoning>\n\n{ARTICLE}", "residue-thoughts", "<Reasoning"),
        (f"Retries. <think>They want an article.\nShort.</think> {ARTICLE}", "residue-thoughts", "<think>"),
        (f"<answer>\n{ARTICLE}\n</answer>", "residue-thoughts", "</answer>"),
        (f"{ARTICLE}\n\n<tool_call>", "residue-thoughts", "<tool_call>"),
        (f"{ARTICLE}<|im_end|>", "residue-thoughts", "<|im_end|>"),
        (f"```markdown\n{ARTICLE}\n```", "residue-whole-fence", "```markdown"),
        (f"Here it is:\n\n~~~md\n{ARTICLE}\n~~~", "residue-whole-fence", "~~~md"),
        (f"```\n# Retries\n\n{ARTICLE} It then stops, and nobody knows why.\n```", "residue-whole-fence", "```"),
        (f"```markdown\n{ARTICLE}\n\n```bash\nls\n```\n\nMore.\n```", "residue-whole-fence", "```markdown"),
        ("```html\n<h1>Retries</h1>\n<p>They need a limit.</p>\n```", "residue-whole-fence", "```html"),
        (f"{ARTICLE}\n\n```bash\nls -la\n\nAnd so it goes on.", "residue-open-fence", "```bash"),
        (f"{ARTICLE}\n\n~~~~python\nx = 1\n~~~\n\nAnd on.", "residue-open-fence", "~~~~python"),
        (f"{ARTICLE}\n\n```", "residue-open-fence", "```"),
        (f"{ARTICLE} As an AI language model, I can't check this.", "residue-chat", "As an AI language model, I"),
        (f"**Note:** as a large language model trained by Acme, I may err.\n\n{ARTICLE}", "residue-chat", "as a large"),
        (f"I’m just an AI assistant.\n\n{ARTICLE}", "residue-chat", "I’m just an AI assistant"),
        (f"{ARTICLE} As of my last knowledge update, it is 3.2.", "residue-chat", "knowledge update"),
        (f"Certainly! Here is the article you asked for.\n\n{ARTICLE}", "residue-chat", "Certainly! Here is"),
        (f"Sure! Here's a rewrite:\n\n{ARTICLE}", "residue-chat", "Sure! Here's"),
        (f"Certainly, here's a short article about retries:\n\n{ARTICLE}", "residue-chat", "Certainly, here's"),
        (f"Here is the revised article:\n\n{ARTICLE}", "residue-chat", "Here is the revised article"),
        (f"{ARTICLE}\n\nWould you like me to add a diagram?", "residue-chat", "Would you like me to add"),
        (f"I'm sorry, but I can't assist with that.\n\n{ARTICLE}", "residue-chat", "I'm sorry, but I can't assist"),
        (f"{ARTICLE}\n\n[Insert diagram here]", "residue-placeholder", "[Insert diagram here]"),
        (f"<analysis>They want an article.</analysis>\n\n{ARTICLE}", "residue-thoughts", "<analysis>"),
        (f"Thought for 12 seconds\n\n{ARTICLE}", "residue-thoughts", "Thought for 12 seconds"),
        (f"<|im_start|>assistant\n{ARTICLE}", "residue-thoughts", "<|im_start|>"),
        (f"Okay, here's the article:\n\n{ARTICLE}", "residue-chat", "Okay, here's the article"),
        (f"Below is the full article as requested:\n\n{ARTICLE}", "residue-chat", "Below is the full article"),
        (f"I'd be happy to help! Here's a draft.\n\n{ARTICLE}", "residue-chat", "I'd be happy to help! Here"),
        (f"{ARTICLE}\n\nIf you'd like, I can also write a summary.", "residue-chat", "If you'd like, I can also write"),
        (f"{ARTICLE}\n\nI cannot fulfill this request.", "residue-chat", "I cannot fulfill this request"),
        (f"{ARTICLE}\n\n(Continued in the next message)", "residue-chat", "(Continued in the next message)"),
        (f"{ARTICLE}\n\n[Image description: a queue]", "residue-placeholder", "[Image description: a queue]"),
        (f"{ARTICLE} See [URL].", "residue-placeholder", "[URL]"),
        (f"{ARTICLE} It saves XX% of the time.", "residue-placeholder", "XX%"),
        (f"{ARTICLE} It is so [cite: 1, 2].", "residue-citation", "[cite: 1, 2]"),
        (f"{ARTICLE} It is so [attached_file:1].", "residue-citation", "[attached_file:1]"),
        (f"{ARTICLE}\n\n[Add a screenshot of the queue]", "residue-placeholder", "[Add a screenshot of the queue]"),
        (f"{ARTICLE} Written by [object Object].", "residue-placeholder", "[object Object]"),
        (f"{ARTICLE} Written by [Your Name].", "residue-placeholder", "[Your Name]"),
        (f"{ARTICLE}\n\n[Hier Diagramm einfügen]", "residue-placeholder", "[Hier Diagramm einfügen]"),
        (f"{ARTICLE}\n\n[Insérer une capture]", "residue-placeholder", "[Insérer une capture]"),
        (f"{ARTICLE}\n\n【在此插入图片】", "residue-placeholder", "插入"),
        (f"{ARTICLE} Von [Ihr Name].", "residue-placeholder", "[Ihr Name]"),
        (f"Natürlich! Hier ist der Artikel.\n\n{ARTICLE}", "residue-chat", "Natürlich! Hier ist"),
        (f"Als KI-Sprachmodell kann ich das nicht messen.\n\n{ARTICLE}", "residue-chat", "Als KI-Sprachmodell"),
        (f"En tant que modèle de langage, je ne peux pas.\n\n{ARTICLE}", "residue-chat", "En tant que modèle"),
        (f"Bien sûr ! Voici l'article.\n\n{ARTICLE}", "residue-chat", "Bien sûr ! Voici"),
        (f"Como modelo de lenguaje, no puedo medirlo.\n\n{ARTICLE}", "residue-chat", "Como modelo de lenguaje"),
        (f"¡Claro! Aquí tienes el artículo.\n\n{ARTICLE}", "residue-chat", "Claro! Aquí tienes"),
        (f"作为一个AI语言模型，我无法测量。\n\n{ARTICLE}", "residue-chat", "作为一个AI语言模型"),
        (f"AI言語モデルとして、私は測定できません。\n\n{ARTICLE}", "residue-chat", "言語モデルとして"),
        (f"Конечно! Вот статья.\n\n{ARTICLE}", "residue-chat", "Конечно! Вот"),
        (f"{ARTICLE} It halves the load【4†source】.", "residue-citation", "【4†source】"),
        (f"{ARTICLE} So it is. :contentReference[oaicite:2]", "residue-citation", ":contentReference[oaicite:2]"),
    ],
)  # fmt: skip
def test_what_a_machine_left_stops_an_approval_and_is_named(body, check, shown):
    found = {finding.check: finding for finding in findings({"title": "Retries", "body": body})}
    assert check in found, list(found)
    assert found[check].stops
    assert shown in found[check].message
    assert found[check].pointer == "/body"


@pytest.mark.parametrize(
    ("body", "check", "shown"),
    [
        (f"{ARTICLE}\n\nI hope this helps!", "residue-closing", "I hope this helps"),
        (f"{ARTICLE}\n\nLet me know if you have any questions.", "residue-closing", "Let me know if you have any"),
        (f"{ARTICLE}\n\nLorem ipsum dolor sit amet.", "residue-lorem", "Lorem ipsum"),
        (f"TODO: name the limit.\n\n{ARTICLE}", "residue-todo", "TODO:"),
        (f"{ARTICLE} [TODO numbers of March]", "residue-todo", "[TODO numbers of March]"),
        (f"{ARTICLE} FIXME(review): one version only.", "residue-todo", "FIXME(review):"),
        (f"{ARTICLE}\n\nTBD", "residue-todo", "TBD"),
        (f"{ARTICLE} It halves the load [citation needed].", "residue-todo", "[citation needed]"),
        (f"Write a blog post about retries.\n\n{ARTICLE}", "residue-prompt", "Write a blog post about"),
        (f"You are a senior technical writer.\n\n{ARTICLE}", "residue-prompt", "You are a senior technical writer"),
        (f"{ARTICLE}\n\nUser: make it shorter", "residue-prompt", "User: m"),
        (f"Target audience: backend engineers\n\n{ARTICLE}", "residue-prompt", "Target audience: b"),
        (
            f"{ARTICLE}\n\nThe last step takes as long as all of the others together, and the",
            "residue-cut-off",
            "and the",
        ),
        (f"{ARTICLE}\n\nThe last step takes as long as all of the others do together", "residue-cut-off", "together"),
        (f"{ARTICLE}\n\n- the last step of the three takes as long as the", "residue-cut-off", "as long as the"),
        (f"{TWICE}\n\n{ARTICLE}\n\n{TWICE}", "residue-repeated", "twice: “A limit that nobody"),
        (f"{TWICE}\n\n{ARTICLE}\n\n{TWICE}\n\n{TWICE}", "residue-repeated", "3 times"),
        ("The address is {{ site.url }}.", "residue-markup", "{{ site.url }}"),
        ("{% include note.html %}", "residue-markup", "1 × {% include %}"),
        ("{{< tabs >}} a {{< /tabs >}}", "residue-markup", "This syntax is shown as text: 2 × {{< tabs >}}"),
        ("See [[Queues|the other note]].", "residue-markup", "[[Queues|the other note]]"),
        ("It halves the load[^load].", "residue-markup", "[^load]"),
        (f"{ARTICLE} See [the docs](https://a.example/x", "residue-markup", "a link without its last bracket"),
        (f"{ARTICLE}\n\n**Note: it is never closed", "residue-markup", "bold text without its end"),
        (f"{ARTICLE}\n\n##Why not", "residue-markup", "a heading without its space"),
        (f"{ARTICLE}\n\n[To be added]", "residue-todo", "[To be added]"),
        (f"{ARTICLE}\n\nComing soon", "residue-todo", "Coming soon"),
        (f"Your task is to write a guide.\n\n{ARTICLE}", "residue-prompt", "Your task is to write"),
        (f"SEO title: Retries\n\n{ARTICLE}", "residue-prompt", "SEO title: R"),
        (f"The article should be at least 800 words.\n\n{ARTICLE}", "residue-prompt", "should be at least 800 words"),
    ],
)
def test_markup_that_readers_see_and_goodbyes_are_advice(body, check, shown):
    found = {finding.check: finding for finding in findings({"title": "Retries", "body": body})}
    assert check in found, list(found)
    assert not found[check].stops
    assert shown in found[check].message


@pytest.mark.parametrize(
    "body",
    [
        "Models of this family write `<think>` first, and `[Insert name here]` now and then.",
        "Such a model wraps its notes in <think> tags and then begins to answer.",
        "The notes stand between <think> and </think>.",
        "```text\n<think>They want an article.</think>\nCertainly! Here is the article.\n```\n\nSo it began.",
        "It began with “As an AI language model, I cannot”, and nobody noticed.",
        'Texts that say "Certainly! Here is the article." were left out.',
        "> As an AI language model, I cannot say.\n\nThat was the whole answer.",
        "As an AI engineer, I run a language model at home.",
        "As a language model grows, its answers change.",
        "Of course, here is where it goes wrong. Here is the code.",
        "Sure, here is the rub. Certainly, retries cost time.",
        "Choose [Add file], then [Insert]. The array is a[i] and the set [your, mine].",
        "Vec<T> and Map<String, i32> are types; a < b and c > d.",
        "if [[ -f queue ]] holds, it starts. Use `{{ name }}` in a template, and `[[link]]` in a note.",
        "A note[^1].\n\n[^1]: https://example.org/load",
        "A [link][1] and a list:\n\n- ```bash\n  ls\n  ```\n\n[1]: https://example.org/",
        "## How to write a list\n\nWrite this:\n\n```markdown\n- one\n- two\n```\n\nand a list of two points is shown.",
        "```bash\ncurl https://example.org/ --retry 3\n```",
        '```json\n{"retries": 3}\n```',
        "```python\n# TODO: name it\nx = 1\n```\n\nThe comment `TODO: name it` is found by the linter.",
        "A TODO list has three columns, and tasks marked TODO come first.",
        "Build a todo app. The to-do of each person is theirs.",
        "Use `lorem ipsum` as the text, or ```Lorem ipsum dolor sit amet```.",
        "You are an owner of the repository. You are done.",
        "The team wrote a guide on retries, and a section that explains limits.",
        "Write to admin@example.com or 192.0.2.1, and see https://example.org/ with the key of Jane Doe at Acme.",
        f"{ARTICLE}\n\n## Links\n\n- one thing and the other things that belong to it in some way",
        f"{ARTICLE}\n\nSee the whole list of limits that we have measured in [this table](https://example.org/limits)",
        f"{ARTICLE}\n\nRun this and wait until the last of the workers has stopped:\n\n```bash\nls\n```",
        f"{ARTICLE}\n\n| a | b |\n|---|---|\n| the last step takes as long as the | and |",
        f"{ARTICLE}\n\n これで終わりです。次の記事では、別の方法を見ていきます。",
        "    ```bash\n    ls\n\nIndented code shows its fence.",
        "> ```\n> code\n> ```\n\nWords.",
        "````markdown\n```bash\nls\n```\n````\n\nThe four signs around it keep the three as they are, and so on.",
        "We use <|endoftext|> as a separator, and it is documented.",
        "Here is the updated version of the config.",
        "Here's an updated guide to this topic.",
        "I cannot access the internet from this machine.",
        "The log prints [object Object] in older browsers.",
        "The value of arr[your_index] is a number.",
        "Output: the file is written.",
        "You are an engineer and you know this.",
        "The article about limits should be short.",
    ],
)  # fmt: skip
def test_an_article_about_these_things_has_no_residue(body):
    assert residue(body=body) == {}


def test_titles_summaries_captions_and_points_are_looked_at_as_well():
    image = {"url": "https://placehold.co/1", "caption": "[Insert caption here]", "alt": "A {{ figure }}"}
    found = findings(
        {
            "title": "{{ page.title }}",
            "summary": "Certainly! Here is a summary.",
            "body": ARTICLE,
            "image_sources": [image],
            "checklist": ["As an AI language model, I can't check this."],
        }
    )
    places = {(finding.check, finding.pointer) for finding in found if finding.check.startswith("residue-")}
    assert places == {
        ("residue-markup", "/title"),
        ("residue-chat", "/summary"),
        ("residue-placeholder", "/image_sources/0/caption"),
        ("residue-markup", "/image_sources/0/alt"),
        ("residue-chat", "/checklist/0"),
    }


def test_a_passage_with_many_pieces_is_one_finding_with_their_number():
    (message,) = residue(body="Set {{ a }}, {{ b }} and {{ a }}.").values()
    assert "2 × {{ a }}, 1 × {{ b }}" in message
    (message,) = residue(body="See [[a]], [[b]] and [[c]].").values()
    assert "“[[a]]” and 2 more" in message


def test_what_the_synthesizer_and_the_demo_write_has_no_residue():
    for record in [*map(synthesize_record, range(300)), *demo_records()]:
        assert residue(**record) == {}, record["source_id"]


@pytest.mark.parametrize(
    ("language", "body", "named"),
    [
        ("en", GERMAN, "German"),
        ("English", GERMAN, "German"),
        ("de-DE", f"{ARTICLE} {ARTICLE} {TWICE}", "English"),
        ("fr", f"{ARTICLE} {ARTICLE} {TWICE}", "English"),
        ("ja", f"{ARTICLE} {ARTICLE} {TWICE}", "English"),
        ("en", "ある日、作業の途中で止まったプロセスは、仕事を半分のまま残しました。" * 3, "Japanese script"),
        ("en", "Процесс, который остановился посреди работы, оставляет задачу незаконченной. " * 3, "Cyrillic script"),
        ("de", GERMAN, None),
        ("en", f"{ARTICLE} {ARTICLE} {TWICE}", None),
        ("ru", "Процесс, который остановился посреди работы, оставляет задачу незаконченной. " * 3, None),
        ("ja", "ある日、Kubernetes の作業の途中で止まったプロセスは、仕事を半分のまま残しました。" * 3, None),
        # Too few words, an unknown language, no language, a quotation, and code.
        ("en", "Der Prozess ist nicht da.", None),
        ("tlh", GERMAN, None),
        ("", GERMAN, None),
        ("en", f"{ARTICLE}\n\n> {GERMAN}", None),
        ("en", f"{ARTICLE}\n\n```text\n{GERMAN}\n```", None),
    ],
)
def test_a_text_in_another_language_than_its_record_states_is_named(language, body, named):
    message = residue(language=language, body=body).get("residue-language")
    assert (message is None) if named is None else f"but the text is in {named}" in message


@pytest.mark.once
@pytest.mark.django_db
def test_the_command_shows_what_each_check_finds_of_planted_defects_and_in_a_folder(tmp_path):
    (tmp_path / "good.md").write_text(f"# Good\n\n{ARTICLE}\n")
    (tmp_path / "chat.md").write_text(f"# Chat\n\nSure! Here's a rewrite:\n\n{ARTICLE}\n")
    said = StringIO()
    call_command("measure_checks", str(tmp_path), count=6, show=["residue-chat"], stdout=said)
    lines = said.getvalue().splitlines()
    assert lines[0].startswith("chat.md: The text reads like a chat with a model (“Sure! Here's")
    (row,) = [line.split() for line in lines if line.startswith("residue-chat ")]
    assert row[1] == "blocking" and row[2] == row[3] and row[4:] == ["1", "(50.00%)"]
    (total,) = [line.split() for line in lines if line.startswith("all ")]
    assert total[1] == total[2] and int(total[1]) > 30
    assert "a blocking check of residue finds something in 1 (50.00%" in lines[-1]
