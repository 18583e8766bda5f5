"""The ids that site generators give headings, by which links within an article were written.

github: GitHub, Astro, Docusaurus, Hugo and Jekyll (https://github.com/Flet/github-slugger); kramdown's own
(https://kramdown.gettalong.org/converter/html.html#auto-ids); Python-Markdown, so MkDocs
(https://python-markdown.github.io/extensions/toc/); VuePress and VitePress (https://vitepress.dev/guide/markdown).
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable
from urllib.parse import unquote

MAX_LENGTH = 60
# From so many headings of one name on, no free number is looked for.
MAX_NUMBERED = 1000
# A link to fewer letters says too little about the beginning of a heading.
MIN_BEGINNING = 3
_SIGN_AT_END = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff][^\\w]*$")
# Says that the sign before it is shown as a picture; Unicode counts it among the marks of letters.
_AS_PICTURE = "\ufe0f"
_NOT_OF_NAME = re.compile("[^a-z0-9]+")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain_name(words: str) -> str:
    """Return letters, marks and digits of any script in lower case, with hyphens for all else: our own ids."""
    text = unicodedata.normalize("NFC", words).lower()
    if text.isascii():
        return _NOT_OF_NAME.sub("-", text).strip("-")[:MAX_LENGTH].strip("-")
    name = "".join(character if _is_letter(character) else "-" for character in text)
    return re.sub("-+", "-", name).strip("-")[:MAX_LENGTH].strip("-")


class Targets:
    """Finds the heading that a link within an article leads to.

    What generators would call a heading is only worked out for an article that has such a link.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str, bool]] = []
        self._given: dict[str, str] = {}
        self._alike: dict[str, str] = {}
        # Terms of definition lists, which Hugo names too, and headings that end in a sign, whose name may end in words.
        self._terms: dict[str, str] = {}
        self._signed: dict[str, str] = {}
        self._names: list[str] = []
        self._letters: dict[str, str] = {}
        # One for each generator: its names, and how often it made each.
        self._named: list[dict[str, str]] = [{} for _ in _NAMES]
        self._counts: list[dict[str, int]] = [{} for _ in _NAMES]

    def add_given(self, name: str, identifier: str) -> None:
        """Add an id that the author gave."""
        self._given.setdefault(name, identifier)

    def add_written(self, words: str, identifier: str) -> None:
        """Add the id that GitHub gives a heading with names of emoji, whose letters it keeps."""
        self._given.setdefault(_github(words), identifier)

    def add_heading(self, words: str, identifier: str) -> None:
        """Add the ids that generators would give the next heading."""
        self._waiting.append((words, identifier, False))

    def add_term(self, words: str, identifier: str) -> None:
        """Add the names of a term of a definition list. A heading of the same name comes first."""
        self._waiting.append((words, identifier, True))

    def _name_all(self) -> None:
        for words, identifier, is_term in self._waiting:
            (self._name_term if is_term else self._name_heading)(words, identifier)
        self._waiting.clear()

    def _name_heading(self, words: str, identifier: str) -> None:
        for (make, numbered), known, counts in zip(_NAMES, self._named, self._counts, strict=True):
            name = make(words)
            count = counts.get(name, 0)
            called = numbered(name, count) if count else name
            # A heading may be called “Setup 1” itself.
            while called in counts and count < MAX_NUMBERED:
                count += 1
                called = numbered(name, count)
            counts[name] = count + 1
            counts.setdefault(called, 1)
            known.setdefault(called, identifier)
        for key in _likenesses(words):
            self._alike.setdefault(key, identifier)
        if _SIGN_AT_END.search(words) and (name := plain_name(words.replace(_AS_PICTURE, ""))):
            self._signed.setdefault(name, identifier)

    def _name_term(self, words: str, identifier: str) -> None:
        name = _github(words)
        count = self._counts[0].get(name, 0)
        self._counts[0][name] = count + 1
        for key in (f"{name}-{count}",) if count else _likenesses(words):
            self._terms.setdefault(key, identifier)

    def find(self, fragment: str) -> str | None:
        """Return the id that a fragment leads to, or None. Ids given by the author come before generated ones."""
        self._name_all()
        for name in dict.fromkeys((fragment, unquote(fragment))):
            name = unicodedata.normalize("NFC", name)
            for known in (self._given, *self._named):
                if name in known:
                    return known[name]
        for known in (self._alike, self._terms):
            for key in _likenesses(unquote(fragment)):
                if key and key in known:
                    return known[key]
        wanted = plain_name(unquote(fragment))
        # Zola calls a crab at the end of a heading “-crab”.
        name = wanted
        while name and name not in self._signed:
            name = name.rpartition("-")[0]
        return self._signed.get(name) or self._nearest(wanted)

    def _nearest(self, wanted: str) -> str | None:
        """Return the id of the first heading with the same letters, else of one that begins with these words.

        Many sites cut what a function takes, or a badge behind a name: `vm.$watch( callback )` is `vm-watch` there.
        """
        if len(wanted) < MIN_BEGINNING:
            return None
        if len(self._names) != len(self._alike):
            self._names = sorted(self._alike)
            self._letters = {name.replace("-", ""): self._alike[name] for name in reversed(self._alike)}
        place = bisect_left(self._names, f"{wanted}-")
        begun = self._names[place] if place < len(self._names) else ""
        found = self._letters.get(wanted.replace("-", ""))
        return found or (self._alike[begun] if begun.startswith(f"{wanted}-") else None)


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"


def _github(words: str) -> str:
    text = unicodedata.normalize("NFC", words).strip().lower()
    kept = (char for char in text if _is_letter(char) or unicodedata.category(char) == "Pc" or char in "- ")
    return "".join(kept).replace(" ", "-")


def _kramdown(words: str) -> str:
    text = re.sub("[^a-zA-Z0-9 -]", "", re.sub("^[^a-zA-Z]+", "", words))
    return text.replace(" ", "-").lower() or "section"


def _python_markdown(words: str) -> str:
    text = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def _vuepress(words: str) -> str:
    text = "".join(char for char in unicodedata.normalize("NFKD", words) if unicodedata.category(char) != "Mn")
    text = re.sub(r"""[\s~`!@#$%^&*()\-_+=[\]{}|\\;:"'“”‘’<>,.?/]+""", "-", text).strip("-").lower()
    return f"_{text}" if text[:1].isdigit() else text


def _likenesses(words: str) -> Iterable[str]:
    """Return looser names: without case and punctuation, then without accents, where generators differ."""
    text = unicodedata.normalize("NFKC", words).casefold()
    ascii_text = "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) != "Mn")
    return dict.fromkeys(filter(None, map(plain_name, (text, ascii_text, text.translate(_GERMAN)))))


# (how a name is made, how repeated names are numbered), most common first.
_NAMES: tuple[tuple[Callable[[str], str], Callable[[str, int], str]], ...] = (
    (_github, "{}-{}".format),
    (_kramdown, "{}-{}".format),
    (_python_markdown, "{}_{}".format),
    (_vuepress, lambda name, count: f"{name}-{count + 1}"),
)
