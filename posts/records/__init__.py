"""The record: its schema, its canonical form, its fingerprint and its versions."""
