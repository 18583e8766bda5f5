"""The read-only API: what the pages say, for programs.

It uses plain views: two kinds of answer need no API library, and its OpenAPI document uses the schema that checks
records.
"""
