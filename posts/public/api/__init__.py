"""The read-only API: what the pages say, for programs.

It uses plain Django and a table of addresses (base.py); docs/decisions/0009-own-base-of-the-api.md says why.
"""
