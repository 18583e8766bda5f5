"""Text to safe HTML, without the database."""
