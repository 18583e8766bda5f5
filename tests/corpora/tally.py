"""Counts of passed requirements, and names of the failed ones."""

SHOWN = 12


class Tally:
    """The outcome of one set: lines of counts, and everything that broke a rule."""

    def __init__(self, name):
        self.name, self.lines, self.broken = name, [], []
        self.outcomes = {}

    def count(self, what, number, of=None):
        self.lines.append(f"{what}: {number:,}" + (f" of {of:,}" if of is not None else ""))

    def expect(self, holds, what):
        """Note `what` as broken unless `holds`; return `holds`."""
        if not holds:
            self.broken.append(what)
        return holds

    def report(self):
        """Print the counts and the first of what broke; return whether all held."""
        print(f"{self.name}")
        for line in self.lines:
            print(f"  {line}")
        print(f"  broken: {len(self.broken)}")
        for what in self.broken[:SHOWN]:
            print(f"    {what[:400]}")
        return not self.broken
