"""Texts become safe HTML, without the database."""
