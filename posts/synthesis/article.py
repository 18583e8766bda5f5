"""The text of one generated post: a form (an order of sections), and the content of each section."""

import json
from dataclasses import dataclass, field

from posts.synthesis import prose
from posts.synthesis.families import Family, family_for
from posts.synthesis.problems import PROBLEMS, Problem
from posts.synthesis.scenarios import SCENARIOS, Scenario
from posts.synthesis.snippets import Snippet, families_of, snippet
from posts.synthesis.stacks import STACKS, Stack

# Names that always begin with a lower-case letter.
SMALL_NAMES = ("dbt ", "nginx ", "systemd ", "pandas ", "gRPC ")

# The order of the sections; a number says how many of a hundred articles have the section.
FORMS = (
    "symptom cause facts:75 change measure pitfalls:60 rollout:50 back:50 checklist:90 remains",
    "facts:80 symptom:70 probe:70 cause limit:70 change options:50 measure checklist:90 remains",
    "probe:80 change steps:80 measure pitfalls:80 cause checklist back:60 remains",
    "cause change questions measure logged:40 checklist:90 remains",
    "timeline cause change logged:60 measure rollout:50 back:70 checklist:90 remains",
    "measure symptom:60 cause options:90 change facts:75 pitfalls:50 checklist:90 remains",
    "limit cause steps:90 change probe:50 rollout:80 measure questions:40 checklist:80 remains",
)
_FORMS = tuple(
    tuple((key, int(share or 100)) for key, _, share in (word.partition(":") for word in form.split()))
    for form in FORMS
)


@dataclass(frozen=True)
class Subject:
    """What a post is about."""

    stack: Stack
    problem: Problem
    scenario: Scenario
    family: Family
    noun: str
    code: Snippet


@dataclass
class Article:
    """The text and what it names: figures as (name, before, after), the main one first; tools; a (part, type)."""

    title: str
    intro: list
    sections: list  # of (key, [blocks])
    figures: list
    tools: tuple
    part: tuple
    slots: dict = field(repr=False)

    @property
    def body(self):
        return "\n\n".join(block for _, blocks in self.sections for block in blocks)


def choose_subject(chance):
    stack = chance.pick(STACKS)
    problem = chance.pick(_problems_of(stack))
    noun = chance.pick(prose.NOUNS)
    code = snippet(stack.examples, problem.family, noun)
    return Subject(stack, problem, chance.pick(SCENARIOS), family_for(problem.family, stack.kind), noun, code)


_FITTING = {
    stack.name: tuple(
        problem
        for problem in PROBLEMS
        if stack.kind in problem.fits.split() and problem.family in families_of(stack.examples)
    )
    for stack in STACKS
}


def _problems_of(stack):
    """Return the problems of `stack` that its examples can show in code."""
    return _FITTING[stack.name]


def capital(text):
    """Return `text` with a capital first letter, except for names that are written in lower case."""
    return text if text.startswith(SMALL_NAMES) else text[0].upper() + text[1:]


class _Slots(dict):
    """The values for the slots in sentences. Numbers and days are drawn again for each use."""

    def __init__(self, chance, values):
        super().__init__(values)
        self._chance = chance

    def __missing__(self, key):
        chance = self._chance
        if key == "weekday":
            return chance.pick(prose.WEEKDAYS)
        low, high = {"n": (3, 9), "days": (3, 14), "weeks": (2, 9), "share": (2, 12)}[key]
        return str(chance.between(low, high))


class Writer:
    """Writes one article: a method for each section, all drawing from one Chance."""

    def __init__(self, subject, chance):
        self.subject = subject
        self.chance = chance
        stack, noun = subject.stack, subject.noun
        self.slots = _Slots(
            chance,
            {
                "stack": stack.name,
                "Stack": capital(stack.name),
                "unit": stack.unit,
                "place": stack.place,
                "noun": noun,
                "nouns": f"{noun}s",
                "a_noun": f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}",
                "phrase": subject.problem.phrase,
                "Phrase": capital(subject.problem.phrase),
                "tail": subject.scenario.tail,
                "Example": subject.code.title,
                "count": f"{chance.between(4, 960) * 50:,}",
            },
        )
        self.rows = [self._measured(metric) for metric in chance.some(subject.family.metrics, 3)]
        metric, before, after = self.rows[0]
        self.slots.update(metric=metric, before=before, after=after)
        # An article uses each text of the vocabulary once; these return them in random order.
        self.symptoms = chance.some(subject.problem.symptoms, 2)
        self.causes = chance.some(subject.problem.causes, 2)
        self.advice = chance.some(subject.problem.advice, 2)
        self.facts_known = chance.some(stack.facts, 3)
        self.rollout_left = chance.some(prose.ROLLOUT, 5)
        self.tools = tuple(tool for tool in stack.tools if chance.below(100) < 70) or stack.tools[:3]
        self.part = chance.pick(stack.parts)
        self.part_named = False
        self.tools_named = False

    def article(self):
        chance = self.chance
        title = capital(self.say(chance.pick(prose.TITLES)))
        intro = self.introduction()
        sections = []
        for key, share in chance.pick(_FORMS):
            if chance.below(100) < share:
                heading = self.say(chance.pick(prose.HEADINGS[key]))
                sections.append((key, [f"## {heading}", *getattr(self, key)()]))
        sections[-1][1].append(self.ending())
        return Article(title, intro, sections, figures=self.rows, tools=self.tools, part=self.part, slots=self.slots)

    def say(self, text):
        return text.format_map(self.slots) if "{" in text else text

    def one(self, texts):
        return self.say(self.chance.pick(texts))

    def sentence(self, text):
        return capital(self.say(text))

    def _measured(self, metric):
        """Return (name, before, after) of a metric, with units."""
        before = self.chance.between(*metric.before)
        after = before * self.chance.between(*metric.left) // 100
        unit = f" {metric.unit}" if metric.unit else ""
        return self.say(metric.name), f"{before:,}{unit}", f"{after:,}{unit}"

    def introduction(self):
        """Return one or two paragraphs: the situation, the problem, what this page does about it."""
        chance = self.chance
        setting = self.sentence(chance.pick(self.subject.scenario.setting))
        promise = self.one(prose.PROMISES)
        symptom = self.sentence(self.symptoms.pop())
        match chance.below(3):
            case 0:
                return [f"{setting} {symptom}", promise]
            case 1:
                return [f"{symptom} {promise}"]
            case _:
                return [symptom, f"{setting} {promise}"]

    # The sections. Each returns its blocks; a block is a paragraph, a list, a table or a piece of code.

    def symptom(self):
        text = " ".join(self.sentence(symptom) for symptom in self.symptoms)
        metric, before, _ = self.rows[0]
        figure = self.chance.pick(
            (
                f"The {metric} stood at {before}.",
                f"In figures: {before} for the {metric}.",
                f"On the worst {self.say('{weekday}')} we counted {before} for the {metric}.",
                f"At {before}, the {metric} was far from what anybody would have signed.",
            )
        )
        return [f"{text} {figure}"]

    def cause(self):
        blocks = [self.one(prose.CAUSE_LEADS) + self.sentence(self.causes.pop())]
        if self.chance.one_in(2):
            blocks[0] += " " + self.sentence(self.causes.pop())
        return blocks

    def name_part(self):
        self.part_named = True
        name, kind = self.part
        return self.chance.pick(prose.PARTS).format(part=f"“{name}”" if kind in ("concept", "setting") else name)

    def facts(self):
        first, second, _ = self.facts_known
        blocks = [self.one(prose.FACT_LEADS) + first + self.one(prose.FACT_TAILS)]
        if self.chance.one_in(2):
            blocks.append(self.one(prose.SECOND_FACT_LEADS) + second)
        return blocks + ([] if self.chance.one_in(2) else [self.name_part()])

    def limit(self):
        return [self.one(prose.LIMIT_LEADS) + self.sentence(self.chance.pick(self.subject.scenario.limit))]

    def change(self):
        chance, code = self.chance, self.subject.code
        advice = self.one(prose.CHANGE_LEADS) + self.sentence(self.advice.pop()) + self.one(prose.CHANGE_TAILS)
        blocks = [advice]
        if chance.one_in(2):
            blocks.append(self.sentence(self.advice.pop()))
        if not self.tools_named and chance.one_in(3):
            blocks.append(self.name_tools())
        blocks += [f"### {code.title}"] if chance.one_in(2) else []
        blocks += [f"{self.one(prose.CODE_LEADS)} {code.words}", code.code]
        if not chance.one_in(4):
            blocks.append(self.one(prose.CODE_TAILS))
        return blocks

    def probe(self):
        shell = f"```bash\n{self.subject.stack.probe}\n```"
        blocks = [self.one(prose.PROBE_LEADS), shell, self.one(prose.PROBE_TAILS)]
        return blocks + ([] if self.tools_named else [self.name_tools()])

    def name_tools(self):
        self.tools_named = True
        *most, last = self.tools
        return self.chance.pick(prose.TOOLS).format(tools=f"{', '.join(most)} and {last}" if most else last)

    def measure(self):
        chance = self.chance
        lead = self.one(prose.MEASURE_LEADS)
        how = self.sentence(chance.pick(self.subject.family.measuring))
        tail = self.one(prose.MEASURE_TAILS)
        rows = self.rows[: chance.between(2, 3)]
        match chance.below(3):
            case 0:
                table = ["| Figure | Before | After |", "| --- | ---: | ---: |"]
                table += [f"| {capital(name)} | {before} | {after} |" for name, before, after in rows]
                return [f"{lead} {how}", "\n".join(table), tail]
            case 1:
                listed = "\n".join(f"- {capital(name)}: {before} before, {after} after" for name, before, after in rows)
                return [how, listed, f"{lead} {tail}"]
            case _:
                return [f"{lead} {self.one(prose.MEASURE_SENTENCES)} {tail}", how]

    def steps(self):
        chosen = self.chance.some(range(len(prose.STEPS)), self.chance.between(4, 5))
        listed = (f"{place}. {self.say(prose.STEPS[index])}" for place, index in enumerate(sorted(chosen), 1))
        return [self.chance.pick(prose.STEPS_LEADS), "\n".join(listed)]

    def pitfalls(self):
        texts = [self.say(text) for text in self.chance.some(self.subject.family.pitfalls, self.chance.between(2, 3))]
        if self.chance.one_in(2):
            return ["\n".join(f"- {text}" for text in texts)]
        return [" ".join(texts)]

    def options(self):
        chosen = self.chance.some(self.subject.family.options, 2)
        return [f"**{option}.** {self.sentence(why)}." for option, why in chosen]

    def questions(self):
        chosen = self.chance.some(self.subject.family.questions, self.chance.between(2, 3))
        return [block for question, answer in chosen for block in (f"### {self.say(question)}", self.say(answer))]

    def rollout(self):
        return [" ".join(self.say(self.rollout_left.pop()) for _ in range(self.chance.between(2, 3)))]

    def back(self):
        return [self.sentence(self.chance.pick(self.subject.family.back)) + " " + self.one(prose.BACK_TAILS)]

    def logged(self):
        chance, noun = self.chance, self.subject.noun
        event = {
            "time": f"2026-05-{chance.between(1, 28):02}T{chance.below(24):02}:{chance.below(60):02}:07Z",
            "level": chance.pick(("info", "warning")),
            "event": f"{noun}_{prose.EVENTS[self.subject.problem.family]}",
            f"{noun}_id": chance.between(1000, 99999),
            "request_id": f"{chance.below(16**8):08x}",
            "duration_ms": chance.between(3, 900),
        }
        return [self.chance.pick(prose.LOGGED), f"```json\n{json.dumps(event, indent=2)}\n```"]

    def timeline(self):
        chance = self.chance
        minute = chance.between(18 * 60, 22 * 60)
        lines = []
        for choices in prose.TIMELINE:
            lines.append(f"- {minute // 60:02}:{minute % 60:02} {self.one(choices)}")
            minute += chance.between(2, 13)
        return [chance.pick(prose.TIMELINE_LEADS), "\n".join(lines)]

    def checklist(self):
        return ["[checklist]"]

    def remains(self):
        first, second = self.chance.some(prose.REMAINS, 2)
        return [f"{self.say(first)} {self.say(second)}"]

    def ending(self):
        """Return the last paragraph, which names the tools and notions that the text has not named yet."""
        chance = self.chance
        texts = [self.sentence(chance.pick(self.subject.scenario.proof))] if chance.one_in(2) else []
        texts += [] if self.tools_named else [self.name_tools()]
        texts += [] if self.part_named else [self.name_part()]
        texts.append(self.one(prose.ENDINGS))
        return " ".join(texts)
