"""The API: what the pages say, for programs; and how generators send posts.

It uses plain Django and a table of addresses (base.py); docs/decisions/0009-own-base-of-the-api.md says why.
"""
