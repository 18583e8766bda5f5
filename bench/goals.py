"""The table at the end of `make bench`: what was measured, beside its limit and its goal.

Each benchmark notes its rows with note() in the file that BENCH_FIGURES names. Run as a script, this prints them all:
row, figure, ratio to its limit, goal, met or not.
"""

import json
import os
import sys
from pathlib import Path


def note(row, figure, *, ratio=None, limit="", most=None, least=None):
    """Note a row: its figure in words, and whether its ratio (or what stands for it) keeps to the goal.

    ratio: a number; limit: what it is a ratio to. most, least: the goal, one of them.
    """
    path = os.environ.get("BENCH_FIGURES")
    if not path:
        return
    line = {"row": row, "figure": figure, "ratio": ratio, "limit": limit, "most": most, "least": least}
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def is_met(line):
    """Return whether a noted row keeps to its goal."""
    if line["most"] is not None:
        return line["ratio"] <= line["most"]
    return line["ratio"] >= line["least"]


def table(lines):
    """Return the table of noted rows as lines of text."""
    rows = [("row", "figure", "ratio to its limit", "goal", "met")]
    for line in lines:
        goal = f"≤ {line['most']:,g}" if line["most"] is not None else f"≥ {line['least']:,g}"
        beside = f"{line['ratio']:,.2f} {line['limit']}".strip()
        rows.append((line["row"], line["figure"], beside, goal, "yes" if is_met(line) else "NO"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main():
    path = Path(os.environ.get("BENCH_FIGURES") or sys.exit("BENCH_FIGURES names no file. Run: make bench"))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    print("\n".join(["", *table(lines)]))
    missed = [line["row"] for line in lines if not is_met(line)]
    print(
        f"\n{len(lines) - len(missed)} of {len(lines)} goals met." + (f" Missed: {'; '.join(missed)}" if missed else "")
    )


if __name__ == "__main__":
    main()
