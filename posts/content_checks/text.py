"""A record as the checks read it: its blocks, words and code, each computed once."""

import re
from functools import cached_property

from posts.code_reading.client import read_blocks
from posts.code_reading.results import Reading
from posts.content_checks.languages import language_code, script_of
from posts.records.schema import RecordDict
from posts.rendering.blocks import MAX_PARSED, Block, Style, blocks_of, words_in
from posts.rendering.web_addresses import addresses_elsewhere

# The fields that CheckedText reads for its words, and for its passages.
WORDS = ("title", "intro", "body")
PASSAGES = ("title", "summary", "intro", "body", "image_sources", "checklist")
_WORD = re.compile(r"[^\W_]+")
# Code in a line of a text without blocks; nobody writes a longer one.
_CODE_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)[^`]{1,300}\1(?!`)")
# So many characters of each field decide which script the text has.
SAMPLE = 2_000
LAST_LATIN = "\u024f"
# Thai, Lao, Burmese, Khmer, kana, Chinese: these scripts have no spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")


def spaced_words(text: str) -> str:
    """Return the words of a text in lower case with a space before, between and after them: " node js "."""
    return " ".join(["", *_WORD.findall(text.casefold()), ""])


def _shown(token: str, style: Style) -> str:
    """Return a token as passages have it: code becomes "…", comments and note references are left out."""
    if "code" in style.formats:
        return "…"
    return "" if style.formats & {"comment", "note"} else token


class Spot(str):
    """A JSON Pointer to a Markdown text, with the spot in it.

    line: the number of a line, from 1; 0 if it is about the whole text. words: what stands there or somewhat below, as
    written, or "".
    """

    line: int
    words: str

    def __new__(cls, pointer: str, line: int = 0, words: str = "") -> "Spot":
        """Return the pointer."""
        spot = super().__new__(cls, pointer)
        spot.line, spot.words = line, words
        return spot

    @classmethod
    def of(cls, pointer: str) -> "Spot":
        """Return any pointer as a Spot."""
        return pointer if isinstance(pointer, cls) else cls(pointer)

    def with_words(self, words: str) -> "Spot":
        """Return the spot of these words."""
        return Spot(self, self.line, words)


def spot_of(field: str, block: Block, words: str = "") -> Spot:
    """Return the spot of a block of intro or body."""
    return Spot(f"/{field}", block.line, words)


class CheckedText:
    """A `record` (a dict) with what several checks need of it."""

    def __init__(self, record: RecordDict) -> None:
        self.record = record
        # Set by whatever reads blocks; reset for each check.
        self.blocks_were_asked_for = False
        self.passages_were_asked_for = False

    @cached_property
    def images(self) -> list[RecordDict]:
        """The image objects, in order."""
        images: list[RecordDict] = self.record.get("image_sources", [])
        return images

    @cached_property
    def addresses_elsewhere(self) -> dict[str, str]:
        """{address: JSON Pointer of its first place} of the fields besides intro, body and pictures."""
        return addresses_elsewhere(self.record)

    @property
    def blocks(self) -> list[tuple[str, Block]]:
        """[(field, Block)] of intro and body. A text too long to parse comes as blocks of its source."""
        self.blocks_were_asked_for = True
        return self._blocks

    @cached_property
    def _blocks(self) -> list[tuple[str, Block]]:
        return [(field, block) for field in ("intro", "body") for block in blocks_of(self.record.get(field, ""))[0]]

    @property
    def read_code(self) -> list[tuple[str, Block, Reading]]:
        """[(field, Block, Reading)] of the code blocks of intro and body; a process of its own parses them."""
        self.blocks_were_asked_for = True
        return self._read_code

    @cached_property
    def _read_code(self) -> list[tuple[str, Block, Reading]]:
        blocks = [(field, block) for field, block in self._blocks if block.is_code]
        readings = read_blocks((block.language, block.text) for _, block in blocks)
        return [(field, block, reading) for (field, block), reading in zip(blocks, readings, strict=True)]

    @property
    def has_read_code(self) -> bool:
        """Whether a check has asked for the code blocks, and got them."""
        return "_read_code" in self.__dict__

    @cached_property
    def unparsed_fields(self) -> list[str]:
        """Those of intro and body that were too long or too complex to parse."""
        return list(dict.fromkeys(field for field, block in self._blocks if block.kind == "source"))

    @property
    def is_parsed(self) -> bool:
        """False for a text that was too long or too deep to be taken apart."""
        return not self.unparsed_fields

    @cached_property
    def _sample(self) -> list[str]:
        """Letters of the text, enough to tell its script by."""
        words = " ".join(self.record.get(field, "")[:SAMPLE] for field in ("title", "intro", "body"))
        return [character for character in words if character.isalpha()]

    @cached_property
    def is_english(self) -> bool:
        """Whether English phrases can be searched for.

        The record says English or names no language, and the letters are Latin.
        """
        language = self.record.get("language", "").casefold()
        if language and not re.match(r"en(?:g|glish)?\b", language):
            return False
        return sum(character > LAST_LATIN for character in self._sample) <= len(self._sample) / 2

    @cached_property
    def language(self) -> str:
        """The two letters of the language that the record states, else of the one script that tells it, or ""."""
        stated = language_code(self.record.get("language", ""))
        script = None if stated else script_of("".join(self._sample))
        return stated or (script[1].split()[0] if script else "")

    @cached_property
    def has_words(self) -> bool:
        """False if most letters are of a script without spaces between words, which can't be counted."""
        return sum(bool(_UNSPACED.match(character)) for character in self._sample) <= len(self._sample) / 2

    @property
    def passages(self) -> list[tuple[str, str, bool]]:
        """[(JSON Pointer, words, whether it is a quotation)] of what readers see as text.

        Each block that is not code, with “…” for code in it, and the texts of one line. An unparsed text has no
        blocks.
        """
        self.blocks_were_asked_for = self.passages_were_asked_for = True
        return self._passages

    @property
    def left_out(self) -> list[str]:
        """The fields that were too long or too complex for what was asked of this text."""
        left = self.unparsed_fields if self.blocks_were_asked_for else []
        return [*left, *self._unread_lines] if self.passages_were_asked_for else left

    @cached_property
    def _lines(self) -> list[tuple[str, str]]:
        """[(JSON Pointer, words)] of the texts of one line."""
        record = self.record
        lines = [(f"/{name}", record.get(name, "")) for name in ("title", "summary")]
        for number, image in enumerate(self.images):
            lines += [(f"/image_sources/{number}/{name}", image.get(name, "")) for name in ("caption", "alt")]
        return lines + [(f"/checklist/{number}", item) for number, item in enumerate(record.get("checklist", []))]

    @cached_property
    def _read_lines(self) -> list[tuple[str, str]]:
        """Those of the texts of one line that are read: MAX_PARSED characters in all."""
        read, left = [], MAX_PARSED
        for pointer, words in self._lines:
            if len(words) <= left:
                read.append((pointer, words))
                left -= len(words)
        return read

    @property
    def _unread_lines(self) -> list[str]:
        """The names of the fields with texts of one line that are not read."""
        unread = {pointer for pointer, _ in self._lines} - {pointer for pointer, _ in self._read_lines}
        return list(dict.fromkeys(pointer.split("/")[1] for pointer, _ in self._lines if pointer in unread))

    @cached_property
    def _passages(self) -> list[tuple[str, str, bool]]:
        passages: list[tuple[str, str, bool]]
        passages = [(pointer, _CODE_SPAN.sub("…", words), False) for pointer, words in self._read_lines if words]
        for field, block in self._blocks:
            if not block.is_code and block.kind != "source":
                shown = zip(block.tokens, block.styles, strict=True)
                words = "".join(_shown(token, style) for token, style in shown)
                passages.append((spot_of(field, block), words, ", quoted" in block.setting))
        return passages

    @cached_property
    def word_count(self) -> int:
        """The number of words of intro and body, including code."""
        return sum(words_in(self.record.get(field, "")) for field in ("intro", "body"))

    @cached_property
    def spaced_text(self) -> str:
        """Title, intro and body as spaced_words(). A name is in it if its spaced_words() are."""
        return spaced_words("\n".join(self.record.get(field, "") for field in ("title", "intro", "body")))
