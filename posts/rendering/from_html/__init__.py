"""HTML of other sites as Markdown that reads as the same words: a tree of its elements, then lines of Markdown."""
