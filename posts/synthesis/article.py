"""The text of one generated post: problem, cause, change, result, always in this order."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from posts.synthesis.chance import Chance
from posts.synthesis.numbers import MONTHS, WEEKDAYS, Row, Slots, numbers_of
from posts.synthesis.snippets import Snippet, snippet
from posts.synthesis.vocabulary import (
    HEADINGS,
    NOUNS,
    OPENINGS,
    PROSE,
    SCENARIOS,
    SUBJECTS,
    Problem,
    Scenario,
    Stack,
    Texts,
    capital,
    opened,
    shortened,
)

# Steps through the subjects that have no common divisor with their number: a run of seeds as long as the cycle meets
# each subject once, and neighbours differ.
STRIDE = 331

# The name of the log event, by Problem.family.
EVENTS = {
    "retry": "deadline_exceeded", "batch": "chunk_committed", "query": "slow_query", "migration": "step_done",
    "cache": "cache_filled", "logs": "request_done", "config": "setting_rejected", "input": "row_rejected",
    "load": "rejected_when_full", "release": "drained", "tests": "run_done", "backup": "restore_compared",
    "access": "permission_denied",
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """What a post is about. turn: how many earlier posts are about the problem."""

    stack: Stack
    problem: Problem
    turn: int
    scenario: Scenario
    noun: str
    code: Snippet


@dataclass
class Article:
    """The text, with its figures (the main one first) and what fills the slots of texts about it."""

    title: str
    intro: list[str]
    sections: list[list[str]]
    figures: tuple[Row, ...]
    tools: Texts
    part: Texts
    slots: Slots = field(repr=False)

    @property
    def body(self) -> str:
        return "\n\n".join(block for blocks in self.sections for block in blocks)


def choose_subject(seed: int, chance: Chance) -> Subject:
    rounds = seed // len(SUBJECTS)
    # Each round begins elsewhere, so that seeds with a step between them meet all subjects too.
    stack, problem, turn = SUBJECTS[(seed * STRIDE + rounds) % len(SUBJECTS)]
    turn += rounds
    noun = chance.pick(NOUNS)
    code = snippet(stack.examples, problem.family, noun)
    return Subject(stack, problem, turn, SCENARIOS[(seed + seed // len(SCENARIOS)) % len(SCENARIOS)], noun, code)


class Writer:
    """Writes one article: a method for each section, all drawing from one Chance."""

    def __init__(self, subject: Subject, chance: Chance) -> None:
        self.subject, self.chance, self.often = subject, chance, chance.often
        stack, problem, scenario = subject.stack, subject.problem, subject.scenario
        self.slots, self.figures = numbers_of(stack, problem, scenario, subject.noun, chance)
        # An article uses a text once: each section takes some of these.
        self.symptoms = chance.some(self.next_of(problem.symptoms, 3), 3)
        self.causes = chance.some(self.next_of(problem.causes, 3), 3)
        self.results_left = list(self.next_of(problem.results, 2))
        self.tools = tuple(tool for tool in stack.tools if chance.below(100) < 70) or stack.tools[:3]
        self.part = chance.pick(stack.parts)
        self.used: set[str] = set()

    def next_of(self, texts: Texts, count: int) -> Texts:
        """Return `count` texts of the problem, others than the post about it before took: all come equally often."""
        first = self.subject.turn % len(texts)
        taken = texts[first : first + count]
        return taken if len(taken) == count else (taken + texts)[:count]

    def article(self) -> Article:
        (title,) = self.next_of(self.subject.problem.titles, 1)
        title = capital(self.say(title))
        intro = self.introduction()
        sections = [self.problem(), self.cause(), self.change(), self.result()]
        if not self.chance.one_in(10):
            sections.append([self.heading("checklist"), "[checklist]"])
        sections[-1].append(self.ending())
        return Article(title, intro, sections, self.figures, self.tools, self.part, self.slots)

    def say(self, text: str) -> str:
        return text.format_map(self.slots) if "{" in text else text

    def one(self, texts: Texts) -> str:
        return self.say(self.chance.pick(texts))

    def opened(self, name: str, text: str) -> str:
        """Return a filled text behind one of the openings of its kind that is new to the article, or alone."""
        openings = OPENINGS[name]
        number = self.chance.below(len(openings) + 1)
        if self.often(50):
            text = shortened(text)
        if number and (opening := openings[number - 1]) not in self.used:
            self.used.add(opening)
            text = opened(opening, text)
        return self.say(text)

    def short(self, text: str) -> str:
        """Return a filled text, in half of all articles in its shorter form."""
        return self.say(shortened(text) if self.often(50) else text)

    def of(self, name: str) -> str:
        return self.one(PROSE[name])

    def told(self, texts: Iterable[str]) -> str:
        return " ".join(map(self.say, texts))

    def heading(self, section: str, own: str = "") -> str:
        """Return a heading for `section`: the problem's own one in every fourth article about it."""
        is_own = own and (self.subject.turn + len(own)) % 4 == 0
        return f"## {self.say(own) if is_own else self.one(HEADINGS[section])}"

    def introduction(self) -> list[str]:
        """Return one or two paragraphs: the circumstances, the first symptom, and what the article covers."""
        setting = self.one(self.subject.scenario.settings)
        setup = self.opened("setups", self.chance.pick(self.subject.stack.setups))
        symptom, promise = self.opened("symptoms", self.symptoms.pop()), self.of("promises")
        match self.chance.below(4):
            case 0:
                return [f"{setting} {setup}", f"{symptom} {promise}"]
            case 1:
                return [f"{symptom} {setting}", f"{setup} {promise}"]
            case 2:
                return [f"{setting} {symptom}", f"{promise} {setup}"]
            case _:
                return [f"{setup} {setting} {symptom}", promise]

    def problem(self) -> list[str]:
        first, second = self.symptoms
        first, second = self.opened("symptoms", first), self.opened("symptoms", second)
        figure = self.of("figures")
        paragraphs = [f"{first} {figure}", second] if self.often(50) else [f"{first} {second} {figure}"]
        if self.often(20):
            paragraphs += [self.of("entries"), self.event()]
        return [self.heading("problem", self.subject.problem.headings[0]), *paragraphs]

    def event(self) -> str:
        """Return an entry of a log, as code. Written by hand: the JSON encoder is slow when it indents."""
        chance, noun = self.chance, self.subject.noun
        time = f"{self.bad_day()}T{chance.below(24):02}:{chance.below(60):02}:07Z"
        return f"""```json
{{
  "time": "{time}",
  "level": "warning",
  "event": "{EVENTS[self.subject.problem.family]}",
  "{noun}_id": {chance.between(1000, 99999)},
  "request_id": "{chance.below(16**8):08x}"
}}
```"""

    def bad_day(self) -> date:
        """Return the first of the weekdays and months that the text talks about."""
        first = date(2025, MONTHS.index(self.slots["month"]) + 1, 1)
        return first + timedelta(days=(WEEKDAYS.index(self.slots["weekday"]) - first.weekday()) % 7)

    def cause(self) -> list[str]:
        causes = self.causes[: self.chance.between(2, 3)]
        told = " ".join(
            self.opened("more_causes" if number else "causes", cause) for number, cause in enumerate(causes)
        )
        blocks = [self.heading("cause", self.subject.problem.headings[1])]
        if self.often(55):
            blocks += [f"{self.of('leads')} {self.of('probes')}", f"```bash\n{self.subject.stack.probe}\n```", told]
        else:
            blocks.append(f"{self.of('leads')} {told}")
        if self.often(60):
            blocks.append(f"{self.of('facts')} {self.one(self.subject.stack.facts)}")
        return blocks

    def change(self) -> list[str]:
        blocks = [self.heading("change", self.subject.problem.headings[2])]
        limit = [self.one(self.subject.scenario.limits)] if self.often(70) else []
        is_list = self.often(35)
        first, *others = self.in_order(self.subject.problem.fixes, 3)
        if is_list:
            fixes = [self.short(fix) for fix in (first, *others)]
        else:
            fixes = [self.opened("first_fixes", first), *(self.opened("fixes", fix) for fix in others)]
        if is_list:
            steps = "\n".join(f"{place}. {fix}" for place, fix in enumerate(fixes, 1))
            blocks += [" ".join([*limit, self.of("plans")]), steps]
        elif limit:
            blocks += [f"{limit[0]} {fixes[0]}", f"{self.of('plans')} {' '.join(fixes[1:])}"]
        else:
            blocks.append(f"{self.of('plans')} {' '.join(fixes)}")
        return [*blocks, *self.code(), *self.warnings(), *self.alternatives(), *self.rollout()]

    def in_order(self, texts: Texts, count: int) -> list[str]:
        """Return `count` of the problem's texts, in the order in which they stand."""
        chosen = self.next_of(texts, count)
        return [text for text in texts if text in chosen]

    def code(self) -> list[str]:
        code = self.subject.code
        blocks = [f"### {code.title}"] if self.often(20) else []
        words = self.opened("code", self.chance.pick(code.words))
        blocks += [f"{self.of('codes')} {words}" if self.often(60) else words, code.code]
        return [*blocks, self.of("explained")] if self.often(60) else blocks

    def warnings(self) -> list[str]:
        if not self.often(60):
            return []
        traps = [self.opened("traps", trap) for trap in self.next_of(self.subject.problem.traps, 2)]
        listed = "\n".join(f"- {trap}" for trap in traps) if self.often(50) else " ".join(traps)
        return [f"### {self.of('traps')}", listed]

    def alternatives(self) -> list[str]:
        if not self.often(40):
            return []
        rejected = self.subject.problem.rejected
        rejected = rejected if self.often(30) else (self.chance.pick(rejected),)
        options = [f"**{self.say(option)}.** {self.short(why)}" for option, why in rejected]
        return [f"### {self.of('rejected')}", *options]

    def rollout(self) -> list[str]:
        if not self.often(75):
            return []
        return [self.told(self.chance.some(PROSE["rollouts"], self.chance.between(1, 2)))]

    def result(self) -> list[str]:
        chance, problem = self.chance, self.subject.problem
        how = self.opened("measuring", *self.next_of(problem.measuring, 1)) + (
            f" {self.of('measured')}" if self.often(65) else ""
        )
        main, news = self.of("results"), self.opened("results", self.results_left.pop())
        blocks = [self.heading("result")]
        match chance.below(3):
            case 0:
                blocks += [how, f"{main} {self.of('tables')}", self.table(), news]
            case 1:
                blocks += [f"{main} {news}", f"{how} {self.of('tables')}", self.listed()]
            case _:
                blocks += [f"{how} {main}", news]
        after = [self.one(self.subject.scenario.proofs)] if self.often(60) else []
        after += [self.opened("results", self.results_left.pop())] if self.often(20) else []
        after.append(self.of("remains"))
        return [*blocks, " ".join(after)]

    def table(self) -> str:
        rows = (f"| {capital(name)} | {before} | {after} | {change} |" for name, before, after, change in self.figures)
        return "\n".join(("| | Before | After | Change |", "| --- | ---: | ---: | ---: |", *rows))

    def listed(self) -> str:
        return "\n".join(
            f"- {capital(name)}, {before} before and {after} after" for name, before, after, _ in self.figures
        )

    def ending(self) -> str:
        """Return the last paragraph, which names the tools and a notion that the article takes for granted."""
        *most, last = self.tools
        tools = f"{', '.join(most)} and {last}" if most else last
        name, kind = self.part
        part = f"“{name}”" if kind in ("concept", "setting") else name
        self.slots["tools"], self.slots["part"] = tools, part
        texts = [self.of("tools"), self.of("parts")]
        return " ".join(texts if self.often(50) else reversed(texts))
