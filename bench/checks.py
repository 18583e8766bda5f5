"""How well code is read: defects planted in real code that are found, and alarms in code as it is.

Give folders of Markdown files. Each code block is read as the background job reads it. Every block that is reported as
broken counts as a false alarm here, though some really are: `--show` prints them for a person to judge.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

ENDINGS = (".md", ".mdx", ".markdown")
# The goals, in percent and milliseconds.
FOUND, ALARMS, READ, MILLISECONDS = 95, 2, 90, 50
# Longer blocks hold several examples; a person could not say that a defect makes all of it invalid.
SHORTEST, LONGEST = 3, 80


@dataclass
class Figures:
    """What was counted: results by language, alarms, milliseconds a text; sound blocks {language: {code: fence}}."""

    states: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    alarms: list = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sound: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))


def figures_of(folders: list[Path]) -> Figures:
    """Read every code block in the Markdown files of folders."""
    from posts.code_reading.languages import PLAIN
    from posts.content_checks.text import CheckedText

    counted = Figures()
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in ENDINGS):
        text = CheckedText({"body": path.read_text(encoding="utf-8", errors="replace")})
        has_code = any(block.is_code for _, block in text.blocks)
        begun = time.perf_counter()
        found = text.read_code
        counted.times.append(1000 * (time.perf_counter() - begun) if has_code else 0)
        for _, block, reading in found:
            # A block that names no language, or says that it is text, is not expected to be read.
            if not block.language or block.language.lower() in PLAIN:
                continue
            counted.states[reading.language][reading.state] += 1
            if reading.state == "broken":
                counted.alarms.append((path, block.line, reading, block.text))
            if reading.state == "parsed" and SHORTEST <= block.text.count("\n") <= LONGEST:
                counted.sound[reading.language][block.text] = block.language
    return counted


def planted_in(sound: dict[str, dict[str, str]], most: int, chance: random.Random) -> tuple[dict, list]:
    """Plant defects in sound blocks; return ({language: (planted, found)}, what was missed)."""
    from bench.planted_code import LEXERS, planted
    from posts.code_reading.client import read_blocks

    rows, missed = {}, []
    for language in LEXERS:
        plants = []
        for code, written in chance.sample(sorted(sound[language].items()), len(sound[language])):
            if len(plants) < most and (made := planted(language, code, chance)):
                plants.append((written, *made))
        states = [read_blocks([(written, code)])[0].state for written, _, code in plants]
        rows[language] = len(plants), states.count("broken")
        missed += [plant for plant, state in zip(plants, states, strict=True) if state != "broken"]
    return rows, missed


def main() -> bool:
    """Print the table; return whether every goal is reached."""
    parser = argparse.ArgumentParser(prog="python bench/checks.py", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--planted", type=int, default=60, help="the most defects for a language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print so many alarms and missed defects")
    options = parser.parse_args()
    import django

    django.setup()
    chance = random.Random(options.seed)
    counted = figures_of(options.folders)
    rows, missed = planted_in(counted.sound, options.planted, chance)
    print("language          blocks  read %  alarms  alarms %  planted  found  found %")
    everything: Counter[str] = Counter()
    for language, states in sorted(counted.states.items(), key=lambda row: -row[1].total()):
        everything += states
        _print_row(language, states, *rows.get(language, (0, 0)))
    plants, found = (sum(column) for column in zip(*rows.values(), strict=True))
    _print_row("all", everything, plants, found)
    times = sorted(counted.times)
    slowest = times[int(0.95 * len(times))]
    print(f"{len(times):,} texts, 95 % of them read in {slowest:.1f} ms or less; the slowest took {times[-1]:.0f} ms")
    for path, line, reading, code in chance.sample(counted.alarms, min(options.show, len(counted.alarms))):
        print(
            f"\nalarm: {path}:{line}: {reading.language}: {reading.message} ({reading.line}:{reading.column})\n{code}"
        )
    for _, kind, code in missed[: options.show]:
        print(f"\nmissed: {kind}\n{code}")
    blocks = everything.total()
    goals = {
        "found": 100 * found >= FOUND * plants,
        "alarms": 100 * everything["broken"] <= ALARMS * blocks,
        "read": 100 * (blocks - everything["unread"]) >= READ * blocks,
        "milliseconds": slowest <= MILLISECONDS,
    }
    print(f"goals missed: {', '.join(name for name, is_reached in goals.items() if not is_reached) or 'none'}")
    return all(goals.values())


def _print_row(language: str, states: Counter[str], plants: int, found: int) -> None:
    blocks, broken = states.total(), states["broken"]
    read = 100 * (blocks - states["unread"]) / max(1, blocks)
    share = f"{100 * found / plants:9.1f}" if plants else ""
    alarms = 100 * broken / max(1, blocks)
    print(f"{language[:15]:16}{blocks:8,}{read:8.1f}{broken:8,}{alarms:10.1f}{plants:9}{found:7}{share}")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
