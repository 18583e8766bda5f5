"""Everything that readers can reach."""
