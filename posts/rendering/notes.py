"""The notes of all texts of an article, numbered by their first references."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from markdown_it.token import Token

from posts.rendering.markdown_notes import note_key
from posts.rendering.sanitizer import ID_PREFIX


@dataclass
class _NoteOfText:
    tokens: list[Token] = field(default_factory=list)
    times: int = 0  # referred to
    number: int = 0  # 0 before its first reference is read


class Notes:
    """The notes of all texts of an article, numbered by first reference, then those without a reference."""

    def __init__(self) -> None:
        self.known: dict[str, _NoteOfText] = {}  # by note_key()
        self.others: list[_NoteOfText] = []
        self.order: list[_NoteOfText] = []

    def take(self, tokens: list[Token]) -> list[Token]:
        """Return the tokens without notes, and number the references in the rest."""
        if not any(token.type == "note_open" for token in tokens):
            self._number(tokens)
            return tokens
        kept: list[Token] = []
        open_notes: list[_NoteOfText] = []
        for token in tokens:
            if token.type == "note_open":
                note = _NoteOfText()
                key = note_key(token.meta["label"])
                # Of two notes with one label the first counts; the second keeps its words in the text.
                if key in self.known:
                    self.others.append(note)
                else:
                    self.known[key] = note
                open_notes.append(note)
            elif token.type == "note_close":
                open_notes.pop()
            else:
                (open_notes[-1].tokens if open_notes else kept).append(token)
        self._number(kept)
        return kept

    def _number(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            for child in token.children or ():
                if child.type == "note_mark" and (note := self.known.get(note_key(child.meta["label"]))):
                    if not note.number:
                        self.order.append(note)
                        note.number = len(self.order)
                    note.times += 1
                    child.meta |= {"number": note.number, "time": note.times}

    def tokens(self) -> list[Token]:
        """Return the tokens of a numbered list of all notes; [] without notes."""
        # Notes refer to notes, so the list grows while it is read.
        for note in self.order:
            self._number(note.tokens)
        for note in [*self.known.values(), *self.others]:
            if not note.number:
                self.order.append(note)
                note.number = len(self.order)
                self._number(note.tokens)
        if not self.order:
            return []
        made = [Token("ordered_list_open", "ol", 1, block=True)]
        for note in self.order:
            made.append(Token("list_item_open", "li", 1, {"id": f"{ID_PREFIX}note_{note.number}"}, block=True, level=1))
            made += _with_backs(note)
            made.append(Token("list_item_close", "li", -1, block=True, level=1))
        return [*made, Token("ordered_list_close", "ol", -1, block=True)]


_TURNS: tuple[tuple[str, Literal[-1, 1]], ...] = (("open", 1), ("close", -1))


def _with_backs(note: _NoteOfText) -> list[Token]:
    """Return the tokens of a note with the links back at the end of its last paragraph, or below it."""
    tokens = note.tokens
    if not note.times:
        return tokens
    backs = Token("note_backs", "", 0, meta={"number": note.number, "times": note.times})
    if len(tokens) >= 3 and tokens[-1].type == "paragraph_close" and tokens[-2].children is not None:
        tokens[-2].children.append(backs)
        return tokens
    inline = Token("inline", "", 0, children=[backs], level=3)
    opened, closed = (Token(f"paragraph_{end}", "p", turn, level=2) for end, turn in _TURNS)
    return [*tokens, opened, inline, closed]
