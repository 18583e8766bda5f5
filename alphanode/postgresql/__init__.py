"""Django's PostgreSQL engine for web processes: they never wait long for a server that is away or hangs."""
