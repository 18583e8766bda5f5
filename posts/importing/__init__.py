"""Imports: readers yield rows, the pipeline plans each row, and a writer per engine writes them in sets."""
