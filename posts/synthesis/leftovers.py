"""Planted leftovers of generation: what stops an approval, and what is advice. Each names its check as the detail."""

from collections.abc import Callable

from posts.records.schema import RecordDict
from posts.synthesis.chance import Chance

_THOUGHTS = (
    "<think>The reader wants an article about this. I keep it short and begin with the cause.</think>",
    "<thinking>\nFirst the cause, then the fix. No lists.\n</thinking>",
    "They want numbers in it. I take those from the notes above.</think>",
    "<reasoning>The notes give three numbers, so a table would be too much.</reasoning>",
    "<scratchpad>\ncause -> fix -> numbers\n</scratchpad>",
)
_CHAT = (
    "Certainly! Here is the article you asked for.",
    "Sure! Here’s a revised version with the numbers in it.",
    "As an AI language model, I can't measure this myself.",
    "Would you like me to add a diagram of the queue?",
    "I'm just an AI assistant, so check the numbers before you use them.",
    "As of my last knowledge update, this is the newest version.",
    "Natürlich! Hier ist der Artikel mit den Messwerten.",
    "En tant que modèle de langage, je ne peux pas mesurer cela.",
    "Como modelo de lenguaje, no puedo medir esto.",
    "Claro! Aqui está o artigo completo.",
    "作为一个AI语言模型，我无法测量。",
)
_GAPS = (
    "[Insert diagram of the queue here]",
    "Ask [Your Name] before the change.",
    "[Add a screenshot of the dashboard]",
    "Written for [Company Name].",
    "[Hier Diagramm einfügen]",
    "[Insérer une capture d'écran]",
    "The owner is [object Object].",
)
_REFERENCES = (
    "It halves the load【4†source】.",
    "So the numbers say. :contentReference[oaicite:2]",
    "That is how it was measured turn0search3 last year.",
)
_TO_DO = (
    "TODO: explain the second step.",
    "[TODO add the numbers of March]",
    "FIXME(review): this holds for one version only.",
    "TBD",
    "[citation needed]",
)
_LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "Nullam quis risus: dolor sit amet, and so on for a whole paragraph.",
)
_PROMPTS = (
    "Write a blog post about retries of at least 1200 words.",
    "You are a senior technical writer.",
    "Target audience: backend engineers",
    "SEO keywords: queue, retry, worker",
    "User: make it shorter",
    "Please generate an engaging introduction for the following article.",
    "Meta description: how a queue survives a restart",
)
_GERMAN = (
    "Ein Prozess, der mitten in der Arbeit endet, lässt die Aufgabe halb fertig zurück. Das ist nicht schlimm, wenn "
    "die Aufgabe noch einmal laufen darf, und es ist teuer, wenn sie das nicht darf.\n\n## Ursache\n\nDas Signal "
    "kommt, während die Aufgabe läuft, und der Prozess wird nach dreißig Sekunden beendet. Die Zeit ist für die "
    "meisten Aufgaben lang genug, aber für eine von hundert ist sie zu kurz.\n\n## Abhilfe\n\nDer Prozess nimmt keine "
    "neue Aufgabe an und beendet die letzte. Erst dann wird er geschlossen, und die Zahlen werden mit denen der "
    "letzten Woche verglichen."
)


def _between_paragraphs(record: RecordDict, words: str, chance: Chance) -> None:
    """Put a paragraph between two blocks of the body, outside of code."""
    parts = record["body"].split("\n\n")
    places = [
        number for number in range(1, len(parts)) if "\n\n".join(parts[:number]).count("```") % 2 == 0
    ]  # fmt: skip
    parts.insert(chance.pick(places), words)
    record["body"] = "\n\n".join(parts)


def _whole_fence(record: RecordDict, chance: Chance) -> None:
    record["body"] = f"````markdown\n{record['body']}\n````"


def _open_fence(record: RecordDict, chance: Chance) -> None:
    record["body"] += "\n\n```bash\nqueue status --all\n\nThe numbers fall within a minute."


def _cut_off(record: RecordDict, chance: Chance) -> None:
    end = chance.pick(("and the next one begins before the first has", "because the limit of the whole chain is the"))
    record["body"] += f"\n\nThe last step takes as long as all others together, {end}"


def _other_language(record: RecordDict, chance: Chance) -> None:
    record["language"] = "en"
    record["intro"], record["body"] = "Was bei einem Neustart geschieht.", _GERMAN
    record.pop("image_sources", None)
    record.pop("checklist", None)


def _repeated(record: RecordDict, chance: Chance) -> None:
    words = (
        "A limit that nobody has measured is a guess, and a guess that nobody writes down is soon a rule that nobody "
        "dares to change."
    )
    _between_paragraphs(record, words, chance)
    record["body"] += f"\n\n{words}"


def _one_of(choices: tuple[str, ...]) -> Callable[[RecordDict, Chance], None]:
    return lambda record, chance: _between_paragraphs(record, chance.pick(choices), chance)


_STOPPING: dict[str, Callable[[RecordDict, Chance], None]] = {
    "residue-thoughts": _one_of(_THOUGHTS),
    "residue-chat": _one_of(_CHAT),
    "residue-placeholder": _one_of(_GAPS),
    "residue-citation": _one_of(_REFERENCES),
    "residue-whole-fence": _whole_fence,
    "residue-open-fence": _open_fence,
}
_ADVISED: dict[str, Callable[[RecordDict, Chance], None]] = {
    "residue-todo": _one_of(_TO_DO),
    "residue-lorem": _one_of(_LOREM),
    "residue-prompt": _one_of(_PROMPTS),
    "residue-cut-off": _cut_off,
    "residue-language": _other_language,
    "residue-repeated": _repeated,
}


def plant_residue(record: RecordDict, chance: Chance) -> str:
    """Plant something that stops an approval; return its check."""
    check = chance.pick(tuple(_STOPPING))
    _STOPPING[check](record, chance)
    return check


def plant_draft(record: RecordDict, chance: Chance) -> str:
    """Plant something that is advice; return its check."""
    check = chance.pick(tuple(_ADVISED))
    _ADVISED[check](record, chance)
    return check


def plant_title(record: RecordDict, chance: Chance) -> str:
    """Plant a title whose number the text contradicts; return what it says."""
    match chance.below(3):
        case 0:
            record["title"] = f"{chance.between(60, 90)} steps to a queue that survives a restart"
        case 1:
            record["title"] = f"{record['title'][:200]}, {chance.between(61, 89)} % faster"
            record["body"] += "\n\nMeasured over a week it is 23 % faster than before."
        case _:
            record["title"] = f"{record['title'][:200]} with Python 3.{chance.between(50, 60)}"
            record["body"] += "\n\nAll of it was measured with Python 3.11 on one machine."
    return "title-numbers"
