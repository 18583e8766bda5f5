from posts.search import postgresql, sqlite

ENGINES = {"sqlite": sqlite, "postgresql": postgresql}


def engine_for(connection):
    """Return the module that searches on the engine of a database connection: write, forget, find."""
    return ENGINES[connection.vendor]
