"""Django's PostgreSQL engine, for web processes that never wait long for a server that is away or hangs."""
