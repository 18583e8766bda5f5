"""One post in the admin: list, form, comparison, flags, releases."""
