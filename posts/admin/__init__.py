"""The admin: everything that editors, reviewers and staff reach."""
