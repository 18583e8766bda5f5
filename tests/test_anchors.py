"""A passage is found again in a later text, or is said to be gone; it is never put at a wrong place."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from posts.diff.anchors import Anchor, Placer, State, anchor_at, blocks_in, found_anchor
from posts.records.schema import RecordDict
from posts.synthesis import synthesize_record

BODY = """The queue is served by one worker. It takes a lease of a minute.

Each retry waits longer than the one before. After nine retries the job stops.

- Set a limit.
- Log each retry.

```bash
systemctl restart worker
journalctl -u worker
```
"""


def record(body: str = BODY, **values: object) -> RecordDict:
    return {"title": "Retries with a limit", "intro": "Why a limit helps.", "body": body, **values}


def anchor_of(words: str, of: RecordDict | None = None, part: str = "body") -> Anchor:
    """Return the anchor of the first block with `words`."""
    of = of or record()
    for number, block in enumerate(blocks_in(of, part), 1):
        if (at := block.text.find(words)) >= 0:
            return anchor_at(of, part, number, at, at + len(words))
    raise AssertionError(f"no block with {words!r}")


def placed(words: str, *, old: str = BODY, new: str) -> tuple[State, str]:
    """Return (state, words) of a passage of `old` in `new`."""
    place = Placer(record(old), record(new)).place(anchor_of(words, record(old)))
    return place.state, place.anchor.exact if place.anchor else ""


def test_an_anchor_names_words_with_their_context_and_position():
    anchor = anchor_of("nine retries")
    assert anchor.path == "/body/2"
    assert anchor.as_selectors()["selector"][0] == {
        "type": "TextQuoteSelector",
        "exact": "nine retries",
        "prefix": "waits longer than the one before. After ",
        "suffix": " the job stops.",
    }


def test_an_unchanged_passage_keeps_its_place_when_text_is_added_before_it():
    text = f"A new beginning.\n\n{BODY.replace('After nine', 'Then, after nine')}"
    place = Placer(record(), record(text)).place(anchor_of("nine retries"))
    assert (place.state, place.anchor and place.anchor.path) == (State.SAME, "/body/3")


def test_a_passage_with_one_other_word_has_changed():
    assert placed("After nine retries the job stops", new=BODY.replace("nine", "five")) == (
        State.CHANGED,
        "After five retries the job stops",
    )


def test_a_replaced_passage_is_found_by_its_neighbours():
    assert placed("a minute", new=BODY.replace("of a minute", "of thirty seconds")) == (State.CHANGED, "thirty seconds")


def test_a_deleted_passage_is_gone_even_if_its_words_stand_elsewhere():
    sentence = "After nine retries the job stops."
    old = f"{BODY}\n{sentence}\n"
    assert placed(sentence, old=old, new=old.replace(f" {sentence}", "", 1)) == (State.GONE, "")


def test_the_same_words_added_before_a_passage_do_not_take_its_place():
    text = f"After nine retries the job stops, as the next lines say.\n\n{BODY}"
    place = Placer(record(), record(text)).place(anchor_of("After nine retries the job stops"))
    assert place.anchor and place.anchor.path == "/body/3"


def test_a_moved_paragraph_takes_its_passages_along():
    first, second, rest = BODY.split("\n\n", 2)
    place = Placer(record(), record("\n\n".join([second, first, rest]))).place(anchor_of("a lease of a minute"))
    assert (place.state, place.anchor and place.anchor.path) == (State.SAME, "/body/2")


def test_a_passage_survives_when_its_paragraph_is_divided_or_joined():
    divided = BODY.replace(" After nine", "\n\nAfter nine")
    assert placed("After nine retries the job stops", new=divided)[0] == State.SAME
    joined = BODY.replace("minute.\n\nEach", "minute. Each")
    assert placed("waits longer than the one", new=joined)[0] == State.SAME


def test_a_link_that_leads_elsewhere_changes_the_passage_with_the_same_words():
    old, new = ("Read [the manual](https://a.example.org/) first.", "Read [the manual](https://b.example.org/) first.")
    assert placed("the manual", old=old, new=new) == (State.CHANGED, "the manual")
    assert placed("first", old=old, new=new) == (State.SAME, "first")


def test_code_is_placed_by_word_and_as_a_whole():
    text = BODY.replace("journalctl -u worker", "journalctl -f -u worker")
    assert placed("systemctl restart", new=text) == (State.SAME, "systemctl restart")
    block = anchor_at(record(), "body", 5)
    assert Placer(record(), record(text)).place(block).state == State.CHANGED


def test_a_list_item_is_a_block_of_its_own():
    assert placed("Log each retry", new=BODY.replace("- Set a limit.\n", "")) == (State.SAME, "Log each retry")
    assert placed("Set a limit", new=BODY.replace("- Set a limit.\n", ""))[0] == State.GONE


def test_a_passage_that_moves_from_the_intro_to_the_body_is_found_there():
    old = record(intro="Nine retries in a row have never helped anybody. Stop.")
    new = record(f"Nine retries in a row have never helped anybody.\n\n{BODY}", intro="Stop.")
    place = Placer(old, new).place(anchor_of("Nine retries in a row", old, "intro"))
    assert place.anchor and place.anchor.path == "/body/1"


def image(name: str, caption: str) -> dict[str, str]:
    return {"url": f"https://images.example.org/{name}.png", "caption": caption}


def test_an_image_is_the_same_one_by_its_file_or_its_caption():
    old = record(image_sources=[image("a", "First"), image("b", "Second"), image("c", "Third")])
    new = record(image_sources=[image("b", "Second"), image("a2", "First"), image("d", "Other")])
    places = [Placer(old, new).place(anchor_at(old, "image_sources", number)) for number in (1, 2, 3)]
    assert [(place.state, place.anchor and place.anchor.block) for place in places] == [
        (State.CHANGED, 2),
        (State.SAME, 1),
        (State.GONE, None),
    ]


def test_a_value_is_placed_by_its_pointer_and_an_item_by_its_value():
    old = record(difficulty="hard", tools=["git", "make", "tar"], payload={"a/b": 1})
    new = record(difficulty="easy", tools=["tar", "cmake", "git"], payload={"a/b": 1})
    placer = Placer(old, new)
    states = {
        pointer: placer.place(anchor_at(old, pointer)) for pointer in ("/difficulty", "/tools/0", "/payload/a~1b")
    }
    assert [(place.state, place.anchor and place.anchor.part) for place in states.values()] == [
        (State.CHANGED, "/difficulty"),
        (State.SAME, "/tools/2"),
        (State.SAME, "/payload/a~1b"),
    ]
    assert placer.place(anchor_at(old, "/tools/1")).state == State.GONE


@pytest.mark.parametrize(
    ("part", "block"), [("body", 0), ("body", 99), ("/tools/7", 0), ("/tools/x", 0), ("/missing", 0), ("/title/1", 0)]
)
def test_a_place_that_a_record_does_not_have_is_named(part, block):
    with pytest.raises(LookupError):
        anchor_at(record(tools=["git"]), part, block)


def test_the_words_decide_where_a_browser_counted_otherwise():
    sent = Anchor("body", 2, 61, 75, "nine retries ")
    assert found_anchor(record(), sent) == anchor_of("nine retries")
    assert found_anchor(record(), Anchor("body", 2, 0, 4, "ten retries")) is None
    assert found_anchor(record(), Anchor("body", 40, 0, 4, "nine")) is None


def test_a_passage_whose_position_another_parser_counted_is_read_again_by_its_words():
    moved = Anchor("body", 1, 6, 18, "nine retries", "one before. After ", " the job stops.")
    assert Placer(record(), record()).place(moved).anchor == anchor_of("nine retries")
    unknown = Anchor("body", 1, 6, 18, "ten retries", "one before. After ", " the job stops.")
    assert Placer(record(), record()).place(unknown).state == State.GONE


def test_hostile_texts_cost_no_more_than_the_budget():
    old, new = record("a b " * 40_000), record("b a " * 40_000)
    assert Placer(old, new).place(anchor_at(old, "body", 1, 0, 3)).state in State


def test_words_that_a_new_text_repeats_for_ever_are_not_looked_for_again_and_again():
    old, new = record(), record("the cat " * 30_000)
    placer = Placer(old, new)
    anchors = [anchor_of("lease"), anchor_of("the"), anchor_of("one worker")] * 70
    assert {placer.place(anchor).state for anchor in anchors} == {State.GONE}
    assert placer._budget.ran_out


# The edits: each word has a number, so that the test knows where a passage went.

Word = tuple[int, str]
Paragraph = list[Word]
# Words that the edits add.
FRESH = "the queue holds a worker that waits for its lease and then tries again with more time".split()


class EditedText:
    """Paragraphs of numbered words, the numbers of a passage among them, and edits chosen by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.numbers: Iterator[int] = count()
        texts = [*plain_paragraphs(seed), *plain_paragraphs(seed + 100_000)]
        if seed % 3 == 0:
            texts += texts[:3]  # so that passages have doubles
        self.paragraphs = [self.numbered(text.split()) for text in texts]
        self.copies: list[list[int]] = []
        place = self.chance.choice([n for n, paragraph in enumerate(self.paragraphs) if len(paragraph) >= 8])
        paragraph = self.paragraphs[place]
        begin, end = self._chosen(paragraph)
        self.passage = [number for number, _ in paragraph[begin:end]]
        self.words = [word for _, word in paragraph[begin:end]]
        self.beside = [paragraph[begin - 1][0] if begin else None, paragraph[end][0] if end < len(paragraph) else None]
        start = len(" ".join(word for _, word in paragraph[:begin])) + bool(begin)
        self.old = record(self.markdown())
        self.anchor = anchor_at(self.old, "body", place + 1, start, start + len(" ".join(self.words)))

    def _chosen(self, paragraph: Paragraph) -> tuple[int, int]:
        kind = self.chance.choice(["word", "phrase", "sentence", "block"])
        if kind == "block":
            return 0, len(paragraph)
        if kind == "sentence":
            return self.chance.choice(sentences(paragraph))
        length = min(self.chance.randint(1, 2) if kind == "word" else self.chance.randint(3, 9), len(paragraph))
        begin = self.chance.randrange(len(paragraph) - length + 1)
        return begin, begin + length

    def markdown(self) -> str:
        return "\n\n".join(" ".join(word for _, word in paragraph) for paragraph in self.paragraphs)

    def numbered(self, words: list[str]) -> Paragraph:
        return [(next(self.numbers), word) for word in words]

    def fresh(self, length: int) -> Paragraph:
        return self.numbered([self.chance.choice(FRESH) for _ in range(length)])

    def any(self) -> Paragraph:
        return self.chance.choice(self.paragraphs)

    def of_passage(self) -> tuple[Paragraph, list[int]]:
        """Return the first paragraph with words of the passage, and their places in it."""
        for paragraph in self.paragraphs:
            if places := [at for at, (number, _) in enumerate(paragraph) if number in self.passage]:
                return paragraph, places
        return [], []

    def edit(self, times: int) -> list[str]:
        """Make some edits; return their names."""
        edits = self.chance.choices(EDITS, k=times)
        for change in edits:
            change(self)
            self.paragraphs = [paragraph for paragraph in self.paragraphs if paragraph]
        return [change.__name__ for change in edits]

    # The edits.

    def add_words(self) -> None:
        paragraph = self.any()
        at = self.chance.randrange(len(paragraph) + 1)
        paragraph[at:at] = self.fresh(self.chance.randint(1, 6))

    def delete_words(self) -> None:
        paragraph = self.any()
        if len(paragraph) > 6:
            at = self.chance.randrange(len(paragraph) - 3)
            del paragraph[at : at + self.chance.randint(1, 3)]

    def replace_words(self) -> None:
        paragraph = self.any()
        at = self.chance.randrange(len(paragraph))
        paragraph[at : at + self.chance.randint(1, 2)] = self.fresh(self.chance.randint(1, 2))

    def delete_paragraph(self) -> None:
        if len(self.paragraphs) > 3:
            self.paragraphs.remove(self.any())

    def add_paragraph(self) -> None:
        self.paragraphs.insert(self.chance.randrange(len(self.paragraphs) + 1), self.fresh(self.chance.randint(8, 40)))

    def move_paragraph(self) -> None:
        paragraph = self.paragraphs.pop(self.chance.randrange(len(self.paragraphs)))
        self.paragraphs.insert(self.chance.randrange(len(self.paragraphs) + 1), paragraph)

    def divide_paragraph(self) -> None:
        place = self.chance.randrange(len(self.paragraphs))
        paragraph = self.paragraphs[place]
        if len(found := sentences(paragraph)) > 1:
            at = self.chance.choice(found[1:])[0]
            self.paragraphs[place : place + 1] = [paragraph[:at], paragraph[at:]]

    def join_paragraphs(self) -> None:
        if len(self.paragraphs) > 3:
            place = self.chance.randrange(len(self.paragraphs) - 1)
            self.paragraphs[place : place + 2] = [self.paragraphs[place] + self.paragraphs[place + 1]]

    def rewrite_paragraph(self) -> None:
        place = self.chance.randrange(len(self.paragraphs))
        self.paragraphs[place] = self.fresh(len(self.paragraphs[place]))

    def swap_sentences(self) -> None:
        paragraph = self.any()
        if len(found := sentences(paragraph)) > 1:
            first = self.chance.randrange(len(found) - 1)
            (a, b), (c, d) = found[first], found[first + 1]
            paragraph[a:d] = paragraph[c:d] + paragraph[a:b]

    def move_sentence(self) -> None:
        paragraph = self.any()
        if len(found := sentences(paragraph)) > 1:
            self._move(paragraph, *self.chance.choice(found))

    def move_passage(self) -> None:
        paragraph, places = self.of_passage()
        if places and len(places) == places[-1] - places[0] + 1 and len(paragraph) > len(places):
            self._move(paragraph, places[0], places[-1] + 1)

    def _move(self, paragraph: Paragraph, begin: int, end: int) -> None:
        cut = paragraph[begin:end]
        del paragraph[begin:end]
        goal = self.any()
        at = self.chance.choice(sentences(goal))[1] if goal else 0
        goal[at:at] = cut

    def copy_passage(self) -> None:
        paragraph, copy = self.any(), self.numbered(self.words)
        at = self.chance.randrange(len(paragraph) + 1)
        paragraph[at:at] = copy
        self.copies.append([number for number, _ in copy])

    def change_passage(self) -> None:
        paragraph, places = self.of_passage()
        if places:
            at = self.chance.choice(places)
            paragraph[at : at + 1] = self.numbered([f"other{next(self.numbers)}"])

    def delete_passage(self) -> None:
        self.paragraphs = [[word for word in paragraph if word[0] not in self.passage] for paragraph in self.paragraphs]

    def delete_paragraph_of_passage(self) -> None:
        kept = [paragraph for paragraph in self.paragraphs if not {n for n, _ in paragraph} & set(self.passage)]
        self.paragraphs = kept or self.paragraphs

    # What became of the passage.

    def verdict(self) -> str:
        """Return "right", "missed" or "wrong" for the place that the passage is given in the edited text."""
        place = Placer(self.old, record(self.markdown())).place(self.anchor)
        places = {
            number: (n, at) for n, paragraph in enumerate(self.paragraphs) for at, (number, _) in enumerate(paragraph)
        }
        left = [places[number] for number in self.passage if number in places]
        if place.state == State.GONE:
            return "right" if self._is_lost(left) else "missed"
        return "right" if self._is_there(place.state, self._words_at(place.anchor), left, places) else "wrong"

    def _is_lost(self, left: list[tuple[int, int]]) -> bool:
        """Return whether nobody could find the passage. Nobody can tell one or two words that moved from others."""
        return len(left) < 0.6 * len(self.passage) or len({n for n, _ in left}) > 1 or len(self.passage) < 4

    def _is_there(
        self, state: State, got: list[int], left: list[tuple[int, int]], places: dict[int, tuple[int, int]]
    ) -> bool:
        """Return whether the words `got` are the passage or what replaced it, and the state says which."""
        if state == State.SAME and len(left) == len(self.passage):
            return got == self.passage or self._reads_the_same(got)
        replaced = bool(got) and set(got) <= self._replacing(places) | set(self.passage)
        if left:
            own = sum(number in self.passage for number in got)
            return state == State.CHANGED and (own >= 0.4 * len(got) or replaced)
        return replaced or got in self.copies or self._reads_the_same(got)

    def _words_at(self, anchor: Anchor | None) -> list[int]:
        if anchor is None:
            return []
        numbers, at = [], 0
        for number, word in self.paragraphs[anchor.block - 1]:
            if at < anchor.end and at + len(word) > anchor.start:
                numbers.append(number)
            at += len(word) + 1
        return numbers

    def _replacing(self, places: dict[int, tuple[int, int]]) -> set[int]:
        """Return the words that stand between the neighbours of the passage now."""
        before, after = (places.get(number) if number is not None else None for number in self.beside)
        is_at_edge = [number is None for number in self.beside]
        if (before is None and not is_at_edge[0]) or (after is None and not is_at_edge[1]) or (before or after) is None:
            return set()
        n = (before or after or (0, 0))[0]
        if before and after and before[0] != after[0]:
            return set()
        return {
            number for number, _ in self.paragraphs[n][before[1] + 1 if before else 0 : after[1] if after else None]
        }

    def _reads_the_same(self, got: list[int]) -> bool:
        """Return whether `got` touches a copy of the passage: no text can tell which of the two was added."""
        for paragraph in self.paragraphs:
            numbers = [number for number, _ in paragraph]
            for copy in self.copies:
                if got and got[0] in numbers and set(copy) & set(numbers):
                    return abs(numbers.index(got[0]) - min(numbers.index(n) for n in copy if n in numbers)) <= len(copy)
        return False


def plain_paragraphs(seed: int) -> list[str]:
    """Return the paragraphs of a synthesized article that have no Markdown in them."""
    texts = synthesize_record(seed)["body"].split("\n\n")
    return [text for text in texts if text[0].isalpha() and not set(text) & set("\n`*_[]<>#|~!:")]


def sentences(paragraph: Paragraph) -> list[tuple[int, int]]:
    """Return [(begin, end)] of the sentences of a paragraph, in words."""
    ends = [at + 1 for at, (_, word) in enumerate(paragraph) if word.endswith(".")]
    if not ends or ends[-1] != len(paragraph):
        ends.append(len(paragraph))
    return list(zip([0, *ends[:-1]], ends, strict=True))


EDITS: list[Callable[[EditedText], None]] = [
    EditedText.add_words, EditedText.delete_words, EditedText.replace_words, EditedText.delete_paragraph,
    EditedText.add_paragraph, EditedText.move_paragraph, EditedText.divide_paragraph, EditedText.join_paragraphs,
    EditedText.rewrite_paragraph, EditedText.swap_sentences, EditedText.move_sentence, EditedText.move_passage,
    EditedText.copy_passage, EditedText.change_passage, EditedText.delete_passage,
    EditedText.delete_paragraph_of_passage,
]  # fmt: skip


@pytest.mark.parametrize("texts", [100, pytest.param(1_000, marks=pytest.mark.torture)])
def test_of_many_edited_texts_98_percent_place_their_passage_and_none_at_a_wrong_place(texts):
    verdicts, wrong = Counter(), []
    for seed in range(texts):
        text = EditedText(seed)
        edits = text.edit(text.chance.choice([1, 1, 2, 3]))
        verdict = text.verdict()
        verdicts[verdict] += 1
        if verdict == "wrong":
            wrong.append((seed, edits))
    assert not wrong
    assert verdicts["right"] >= 0.98 * texts
