"""The scorecards of generators: lists, one card, two side by side, and the same as files."""
