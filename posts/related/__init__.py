"""Posts that belong together: related posts for readers, near-duplicates for reviewers."""
