"""Accounts: how people sign in, and for how long. What they may do there is in posts.operations."""
