"""The formats of dates that no template sets, by language."""
