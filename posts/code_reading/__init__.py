"""Does code parse, and which packages does it name? Nothing is executed: texts only go through parsers.

The package imports neither Django nor the rest of the app, because it runs in a process of its own
(`reading_process.py`) with limits of time and memory. `client.py` starts that process and asks it.
"""
