"""Database tools: prepared queries, the change log, keyset walks."""
