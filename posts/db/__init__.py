"""Tools for the database: prepared queries, the change log, walks along keys."""
