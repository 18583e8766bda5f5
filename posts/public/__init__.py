"""Everything that a reader can reach."""
