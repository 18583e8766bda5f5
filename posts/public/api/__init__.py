"""The read-only API: what the pages say, for programs. Plain views: two kinds of answer need no library for APIs, and
the schema of its OpenAPI document is the one that records are checked with."""
