"""The desk: everything that editors and reviewers reach."""
