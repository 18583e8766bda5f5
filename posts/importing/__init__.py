"""Bringing posts in: readers give rows, the pipeline decides what each is, a writer per engine writes sets."""
